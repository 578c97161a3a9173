package traceql

// checkOtherStage checks the stages that are no spansets.
func (q *Query) checkOtherStage(s Stage) *Error {
	switch s := s.(type) {
	case *By:
		return q.checkBy(s)
	case *Select:
		return q.checkFields(s.Fields)
	case *OrderBy:
		return q.wantOrder(s.X, "order by")
	case *ScalarFilter:
		return q.checkScalarFilter(s)
	case *Metric:
		return q.checkMetric(s)
	case *MetricMath:
		return q.checkMetricExpr(s.X)
	}
	return nil
}

// checkFields checks a list of fields.
func (q *Query) checkFields(list []*Field) *Error {
	for _, f := range list {
		if _, err := q.typeOf(f); err != nil {
			return err
		}
	}
	return nil
}

func (q *Query) checkBy(s *By) *Error {
	t, err := q.typeOf(s.X)
	if err == nil && t == TypeNil {
		err = q.errorf(Types, s.X.Range(), "by parts spans by a value, this is nil")
	}
	if _, literal := s.X.(*Literal); err == nil && literal {
		err = q.errorf(Types, s.X.Range(), "by parts spans by a value of theirs; %s is the same for all", q.piece(s.X.Range()))
	}
	return err
}

// wantOrder checks that the values of x can be ordered.
func (q *Query) wantOrder(x Expr, who string) *Error {
	t, err := q.typeOf(x)
	switch {
	case err != nil:
		return err
	case t == TypeBool || t == TypeStatus || t == TypeKind || t == TypeNil:
		return q.errorf(Types, x.Range(), "%s wants values that have an order, this is %s", who, t.a())
	}
	return nil
}

// wantNumber checks that x is a number.
func (q *Query) wantNumber(x Expr, who string) *Error {
	t, err := q.typeOf(x)
	if err == nil && t != TypeAny && !t.IsNumeric() {
		err = q.errorf(Types, x.Range(), "%s wants numbers, this is %s", who, t.a())
	}
	return err
}

func (q *Query) checkScalarFilter(s *ScalarFilter) *Error {
	l, err := q.typeOfScalar(s.L)
	if err != nil {
		return err
	}
	r, err := q.typeOfScalar(s.R)
	if err != nil {
		return err
	}
	if !compares(l, r) {
		return q.errorf(Types, s.At, "cannot compare %s with %s", l.a(), r.a())
	}
	return nil
}

// checkPoints refuses durations that the points of a metric are compared with which counts
// spans, or values.
func (q *Query) checkPoints(stages []Stage) *Error {
	counts := ""
	for _, s := range stages {
		switch s := s.(type) {
		case *Metric:
			if !s.Fn.Measures() || s.Fn == CountDistinctOverTime {
				counts = s.Fn.String()
			}
		case *MetricFilter:
			if counts != "" && s.Value.Type == TypeDuration {
				return q.errorf(Types, s.At, "%s(…) is a plain number; compare it with one that has no unit", counts)
			}
		}
	}
	return nil
}

// typeOfScalar returns the type of a scalar whose parts fit together.
func (q *Query) typeOfScalar(s Scalar) (Type, *Error) {
	switch s := s.(type) {
	case *ScalarLiteral:
		return s.Value.Type, nil
	case *ScalarPipeline:
		if err := q.checkStages(s.Stages); err != nil {
			return 0, err
		}
		return q.typeOfScalar(s.Of)
	case *ScalarBinary:
		l, err := q.typeOfScalar(s.L)
		if err != nil {
			return 0, err
		}
		r, err := q.typeOfScalar(s.R)
		return ArithmeticType(s.Op, l, r), err
	case *Aggregate:
		return q.typeOfAggregate(s)
	}
	return TypeNil, nil
}

func (q *Query) typeOfAggregate(a *Aggregate) (Type, *Error) {
	switch a.Fn {
	case Count:
		return TypeInt, nil
	case CountDistinct:
		t, err := q.typeOf(a.X)
		if err == nil && t == TypeNil {
			err = q.errorf(Types, a.X.Range(), "nil is no value to count")
		}
		return TypeInt, err
	}
	if err := q.wantNumber(a.X, a.Fn.String()); err != nil {
		return 0, err
	}
	t, err := q.typeOf(a.X)
	if a.Fn == Avg && t == TypeInt {
		t = TypeFloat
	}
	return t, err
}

func (q *Query) checkMetric(m *Metric) *Error {
	if err := q.checkFields(m.By); err != nil {
		return err
	}
	switch {
	case m.Compare != nil:
		return q.checkFilter(m.Compare.Selection)
	case m.Fn == CountDistinctOverTime:
		_, err := q.typeOf(m.X)
		return err
	case m.X != nil:
		return q.wantNumber(m.X, m.Fn.String())
	}
	return nil
}

func (q *Query) checkMetricExpr(x MetricExpr) *Error {
	switch x := x.(type) {
	case *MetricPipeline:
		if m, ok := x.Stages[len(x.Stages)-1].(*Metric); ok && m.Fn == Compare {
			return q.errorf(Types, m.At, "compare(…) tells of attributes; there is no number to calculate with")
		}
		return q.checkStages(x.Stages)
	case *MetricBinary:
		if err := q.checkMetricExpr(x.L); err != nil {
			return err
		}
		return q.checkMetricExpr(x.R)
	}
	return nil
}

package redact

const (
	minCardDigits = 13
	maxCardDigits = 19

	// Numbers have 13 to 16 digits: what is longer as an integer is a time or a hash.
	minCard = 1e12
	maxCard = 1e16 - 1
)

// cards finds the numbers of payment cards: 13 to 19 digits, on end or in the groups in
// which they are printed, that begin and add up as such.
func (x *run) cards(v []byte) {
	for i := 0; i < len(v); {
		if kinds[v[i]]&isDigit == 0 {
			i++
			continue
		}
		group := i
		for i < len(v) && kinds[v[i]]&isDigit != 0 {
			i++
		}
		if group > 0 && (kinds[v[group-1]]&isLetter != 0 || v[group-1] == '.') && !encoded(v, group) {
			continue
		}
		end := 0
		switch n := i - group; {
		case n == 4:
			end = grouped(v, group)
		case minCardDigits <= n && n <= maxCardDigits && isCard(v[group:i]):
			end = i
		}
		if end == 0 || !endsNumber(v, end) {
			continue
		}
		x.note(hit{from: group, to: end, set: Cards})
		i = end
	}
}

// encoded reports whether i follows an encoded character: of %3D4111… the digits do.
func encoded(v []byte, i int) bool { return i > 2 && v[i-3] == '%' && kinds[v[i-1]]&isLetter != 0 }

// endsNumber reports whether a number can end at i.
func endsNumber(v []byte, i int) bool {
	if i == len(v) {
		return true
	}
	if v[i] == '.' {
		return i+1 == len(v) || kinds[v[i+1]]&isDigit == 0
	}
	return kinds[v[i]]&isAlnum == 0
}

// groups are how the digits of cards are printed.
var groups = [][]int{{4, 4, 4, 4, 3}, {4, 4, 4, 4}, {4, 6, 5}, {4, 6, 4}}

// grouped returns where the number of a card ends that begins at i and is in groups with
// the same character between them, 0 if it is none.
func grouped(v []byte, i int) int {
	if i+4 >= len(v) {
		return 0
	}
	between := v[i+4]
	if between != ' ' && between != '-' && between != '+' {
		return 0
	}
next:
	for _, sizes := range groups {
		var digits [maxCardDigits]byte
		n, at := 0, i
		for g, size := range sizes {
			if g > 0 {
				if at >= len(v) || v[at] != between {
					continue next
				}
				at++
			}
			for ; size > 0; size-- {
				if at >= len(v) || kinds[v[at]]&isDigit == 0 {
					continue next
				}
				digits[n] = v[at]
				n++
				at++
			}
		}
		if (at == len(v) || kinds[v[at]]&isDigit == 0) && isCard(digits[:n]) {
			return at
		}
	}
	return 0
}

// isCard reports whether digits, which are nothing else, begin as a card's of that length
// do and have the sum that its last one makes up for.
func isCard(digits []byte) bool {
	n := len(digits)
	if n < minCardDigits || n > maxCardDigits {
		return false
	}
	first := int(digits[0]-'0')*1000 + int(digits[1]-'0')*100 + int(digits[2]-'0')*10 + int(digits[3]-'0')
	ok := false
	switch two := first / 100; {
	case digits[0] == '4': // Visa
		ok = n == 13 || n == 16 // 19 are allowed, and only hashes have them
	case two == 34 || two == 37: // American Express
		ok = n == 15
	case two == 36 || two == 38 || two == 39 || (first >= 3000 && first <= 3059): // Diners Club
		ok = n == 14 || n == 16
	case two == 35: // JCB
		ok = n == 16
	case two >= 51 && two <= 55, first >= 2221 && first <= 2720: // Mastercard
		ok = n == 16
	case two == 50, two >= 56 && two <= 59: // Maestro
		ok = n >= 16
	case digits[0] == '6': // Discover, UnionPay, Maestro
		ok = n >= 16
	}
	if !ok {
		return false
	}
	sum := 0
	for i := range n {
		d := int(digits[n-1-i] - '0')
		if d < 0 || d > 9 {
			return false
		}
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

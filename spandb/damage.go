package spandb

// damaged tells of damage, once for each place.
func (db *DB) damaged(err error) {
	if db.damage.IsNew(err) {
		db.stats.damages.Add(1)
		report(db.cfg.Events.Damaged, err)
	}
}

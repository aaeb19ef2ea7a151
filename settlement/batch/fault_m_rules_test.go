package batch_test

// mutations are our rules, and how each is switched off. The first ten are those of the way in
// which a run becomes a record.
var mutations = []mutation{
	{"the record is created, never overwritten", "books", "TestCommitOutcomes", []edit{{"books/commit.go",
		`bucket.Create(ctx, logKey(c.slot)`, `bucket.Replace(ctx, logKey(c.slot)`}}},
	{"data is stored before the commit", "batch", "TestRunAfterACrash", []edit{
		{"books/attempt.go", "	ended    bool\n}", "	ended    bool\n	later   []func() error\n}"},
		{"books/attempt.go", `file, err := a.ledger.put(ctx, key, sent)`, `size, sum, err := sumOf(body)
	file := FileRecord{Object: key, Bytes: size, SHA256: sum}
	a.mutex.Lock()
	a.later = append(a.later, func() error {
		_, err := a.ledger.put(context.WithoutCancel(ctx), key, sent)
		return err
	})
	a.mutex.Unlock()`},
		{"books/commit.go", "	return a.ledger.append(&slot{record: written, sum: sum, kept_bytes: int64(len(text))})\n", `	for _, store := range a.later {
		if err := store(); err != nil {
			return err
		}
	}
	return a.ledger.append(&slot{record: written, sum: sum, kept_bytes: int64(len(text))})
`}}},
	{"a record goes to the slot after the head it was computed from, and to no other", "books", "TestCommitOutcomes", []edit{{"books/commit.go",
		"	settled, cause := c.fill(c.text)\n", `	settled, cause := c.fill(c.text)
	if errors.Is(cause, ErrLost) && c.id != "" {
		c.id = "" // one slot further, not more
		if err := c.ledger.refresh(c.ctx); err != nil {
			return err
		}
		seq, head := c.ledger.Head()
		record.Seq, record.Previous, c.slot = seq+1, head, seq+1
		if text, err := record.seal(); err == nil {
			c.text = text
			return c.send(record)
		}
	}
`}}},
	{"that the slot is taken (412) is not yet a loss", "books", "TestCommitOutcomes", []edit{{"books/commit.go",
		"		found, lookErr := c.look()\n", `		if errors.Is(err, storage.ErrExists) {
			return true, ErrLost
		}
		found, lookErr := c.look()
`}}},
	{"whoever gives up fills the slot with an abort", "books", "TestLateCommit", []edit{{"books/commit.go",
		"	if settled {\n		return cause\n	}\n", "	if settled {\n		return cause\n	}\n	if cause != nil {\n		return fmt.Errorf(\"%w: %w\", ErrAborted, cause)\n	}\n"}}},
	{"each attempt has an id of its own", "books", "TestCommitOutcomes", []edit{{"books/attempt.go",
		`id: hex.EncodeToString(random[:])`, `id: hex.EncodeToString(fmt.Appendf(nil, "%016d", seq+1))`}}},
	{"an attempt is cleaned up only when the head has passed its slot", "books", "TestCleanUp", []edit{{"books/clean.go",
		` && found.Head+1 <= head {`, ` && head >= 0 {`}}},
	{"what a record names is not cleaned up", "books", "TestCleanUp", []edit{{"books/clean.go",
		"		if named[attempt] {\n", "		if named[attempt] && head < 0 {\n"}}},
	{"records are never deleted", "books", "TestSimulation", []edit{{"books/clean.go",
		"		removed = append(removed, attempt)\n", `		removed = append(removed, attempt)
		for seq := range l.records[:len(l.records)-1] {
			if err := l.bucket.Delete(ctx, logKey(int64(seq)+1)); err != nil {
				return removed, err
			}
		}
`}}},
	{"_statement.json is written last", "books", "TestProjectIsFinishedByTheNextRun", []edit{{"books/project.go",
		"	for some := range slices.Chunk(others, filesAtOnce) {\n", `	if err := p.copy(ctx, folder.key, last); err != nil {
		return err
	}
	for some := range slices.Chunk(others, filesAtOnce) {
`}}},
	{"a store that lets a key be created twice is refused", "books", "TestUnsafeStore", []edit{{"books/ledger.go",
		"	if l.probed {\n", "	if l.probed || ctx != nil {\n"}}},
	{"records carry a seal", "books", "TestDamagedLog", []edit{{"books/record.go",
		`if seal != r.Seal {`, `if seal == "" {`}}},
	{"each record follows on the one before", "books", "TestRecordsOfAnotherLedger", []edit{{"books/log.go",
		`head := l.Head(); found.record.Previous != head {`, `head := l.Head(); found.record.Previous == "" && head != "" {`}}},
	{"an object is compared with its SHA-256 while it is published", "books", "TestProjectRefusesDamagedObjects", []edit{{"books/copy.go",
		`b.at != b.file.Bytes || sum != b.file.SHA256 {`, `b.at != b.file.Bytes || len(sum) != len(b.file.SHA256) {`}}},
	{"a slow process asks for newer records before it publishes", "books", "TestProjectBesideAnother", []edit{{"books/project.go",
		"	if after, _ := p.ledger.Head(); after != before {\n", "	if after, _ := p.ledger.Head(); after < before {\n"}}},
	{"a closed date is not settled again", "books", "TestRecordsOfOtherKinds", []edit{{"books/check.go",
		"		if date.Date <= closed {\n", "		if date.Date < closed {\n"}}},
	{"versions of a statement are 1 to N", "books", "TestRefusedRecords", []edit{{"books/check.go",
		"	case before == nil && statement.Version == 1 && statement.Supersedes == 0:\n", "	case before == nil:\n"}}},
	{"a file takes a name that is free, and is not renamed over another", "storage", "TestDirectory", []edit{{"storage/directory_write.go",
		`d.put(ctx, key, body, placeOnce)`, `d.put(ctx, key, body, rename)`}}},
	{"a folder is forced to disk after what was put there", "storage", "TestSharedSync", []edit{{"storage/directory_folders.go",
		"	s.next, s.running = nil, mine\n", "	s.running = mine\n"}}},
	{"a file that changes while it is read is noticed", "storage", "TestDirectoryChangedInPlace", []edit{{"storage/directory.go",
		`if r.read != r.object.Size || version(info) != r.object.Version {`, `if _ = info; r.read != r.object.Size {`}}},
	{"Create asks an object store for If-None-Match", "storage", "TestS3CreateIsSentOnce", []edit{{"storage/s3_write.go",
		"		input.IfNoneMatch = aws.String(\"*\")\n", ""}}},
	{"Create is sent to an object store once", "storage", "TestS3CreateIsSentOnce", []edit{{"storage/s3_write.go",
		"		options = append(options, once)\n", "		_ = once\n"}}},
	{"tables are read back by another library before they are published", "statement", "TestCorruptionIsFound", []edit{{"statement/plan.go",
		`if err := got.compare(&wanted); err != nil {`, `if got.rows != wanted.rows {`}}},
	{"the detail adds up to its statement", "statement", "TestCorruptionIsFound", []edit{{"statement/write.go",
		`if err := sums.compare(plan.view.wantedDetail()); err != nil {`, `if err := sums.compare(sums); err != nil {`}}},
	{"a line is rounded once, not each allocation", "clearing", "TestPriceAllocationsDividesTheLine", []edit{{"clearing/price.go",
		"		upTo, err := p.upTo(allocation.Points)\n", "		upTo, err := p.price.value(allocation.Points)\n		upTo += p.valued\n		p.points += allocation.Points\n"}}},
	{"a row that was settled before is a duplicate", "clearing", "TestDeduplicate", []edit{{"clearing/deduplicate.go",
		"	case same != nil:\n", "	case same != nil && holder != nil:\n"}}},
	{"a row that is there twice tonight is a duplicate", "clearing", "TestDeduplicate", []edit{{"clearing/deduplicate.go",
		"	case holder != nil:\n", "	case holder != nil && same != nil:\n"}}},
	{"points expire at the close, after rows and claims", "clearing", "TestPointsReturnToAnExpiredLotAndExpireAtOnce", []edit{
		{"clearing/attribute.go", "	a.begin(account, rows, outcome)\n	for", "	a.begin(account, rows, outcome)\n	a.expire()\n	for"},
		{"clearing/attribute.go", "	a.giveUpClaims()\n	a.expire()\n", "	a.giveUpClaims()\n"}}},
	{"of what was put away the newest version counts", "clearing", "TestTheNewestVersionOfWhatWasPutAwayCounts", []edit{{"clearing/past.go",
		"	for night := 0; night < a.Past.Nights() && a.Past.Night(night) >= *since; night++ {\n",
		"	for night := a.Past.Nights() - 1; night >= 0; night-- {\n		if a.Past.Night(night) < *since {\n			continue\n		}\n"}}},
	{"a reversal looks back as far as its original can be", "clearing", "TestOriginalIsTheLatestOnAccountOrPutAway", []edit{{"clearing/past.go",
		"		foundOne(found)\n", "		since = settlement.Never\n"}}},
	{"rows apply in a written order, ties included", "clearing", "TestRowsApplyInOrderOfTimeKindMerchantID", []edit{{"clearing/attribute.go",
		`cmp.Compare(xKind, yKind)`, `0*cmp.Compare(xKind, yKind)`}}},
	{"only points issued by then can be redeemed", "clearing", "TestUncoveredPointsAreTriedEveryNight", []edit{
		{"clearing/policy.go", "	case lot.IssuedAt > redemption.OccurredAt,\n		lot.ExpiresOn", "	case lot.ExpiresOn"},
		{"clearing/order.go", `return !o.expiring && lot.IssuedAt > occurredAt`, `return false`}}},
	{"business dates go by the clock on the wall", "clearing", "TestBusinessDateComparesWallClocks", []edit{{"clearing/instants.go",
		`local := time.UnixMicro(int64(at)).In(b.calendar.Zone)`, `local := time.UnixMicro(int64(at) - b.calendar.DayStartsAt.Microseconds()).In(b.calendar.Zone)`}}},
	{"sums of points do not wrap", ".", "TestAddPointsNeverWraps", []edit{{"money.go",
		`if (b > 0) != (sum > a) && b != 0 {`, `if a != a {`}}},
	{"what merchants pay, the alliance receives: positions sum to zero", "clearing", "TestMoneyIsConserved", []edit{{"clearing/net.go",
		"		alliance.Tax = alliance.Tax.Sub(position.Tax)\n", ""}}},
}

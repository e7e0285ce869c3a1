// batch.js URL - what JDBC says (Rhino): batches, a statement that becomes a prepared one, fetches of some rows, an error inside a batch.
importPackage(java.sql);
var c = DriverManager.getConnection(arguments[0]);
c.createStatement().execute("CREATE TABLE batch (n int PRIMARY KEY, t text)");
var s = c.prepareStatement("INSERT INTO batch VALUES (?, ?)");
for (var i = 0; i < 1000; i++) {
	s.setInt(1, i);
	s.setString(2, i % 10 ? "row " + i : null);
	s.addBatch();
}
if (s.executeBatch().length != 1000)
	throw "not all rows";
s.setInt(1, 2000); s.setString(2, "good"); s.addBatch();
s.setInt(1, 1); s.setString(2, "twice"); s.addBatch();
s.setInt(1, 2001); s.setString(2, "never"); s.addBatch();
var failed = false;
try { s.executeBatch(); } catch (e) { failed = true; }
if (!failed)
	throw "the batch did not fail";
var q = c.prepareStatement("SELECT count(*) AS jdbc FROM batch WHERE n < ?");
for (i = 0; i < 12; i++) {
	q.setInt(1, i);
	var r = q.executeQuery();
	if (!r.next() || r.getInt(1) != i)
		throw "wrong count";
}
c.setAutoCommit(false);
var f = c.prepareStatement("SELECT n AS fetched_by_jdbc FROM batch ORDER BY n");
f.setFetchSize(400);
r = f.executeQuery();
for (i = 0; r.next(); i++) ;
if (i != 1000 && i != 1001)
	throw "fetched " + i;
c.rollback();
c.close();
print("all is said");

# A SQL shell ($1) on databases in memory and in files, with a write-ahead log, by several processes.
sql=$1
mkdir -p /tmp
rm -f /tmp/sql.db*
echo "select 6*7, upper('quarry'), null, x'00ff' is not null;" | $sql
printf '%s\n' 'create table t(a integer primary key, b text);' 'insert into t(b)' "values('one'), ('two');" \
    'select * from t order by a desc;' | $sql /tmp/sql.db
$sql /tmp/sql.db <<'SQL'
pragma journal_mode=wal;
begin;
with recursive n(i) as (select 1 union all select i+1 from n where i < 500) insert into t(b) select 'row ' || i from n;
commit;
select count(*), sum(a), max(length(b)) from t;
select no_such_column from t;
SQL
echo "status $?"
# Four writers at once: each row of each is there.
for writer in 1 2 3 4; do
    (i=0; while [ $i -lt 10 ]; do
        echo "insert into t(b) values('writer $writer $i');"
        i=$((i + 1))
    done | $sql /tmp/sql.db) &
done
wait
echo "select count(*) from t where b like 'writer%'; pragma integrity_check;" | $sql /tmp/sql.db
echo "pragma wal_checkpoint(truncate); pragma journal_mode=delete;" | $sql /tmp/sql.db
ls /tmp/sql.db*
rm -f /tmp/sql.db*

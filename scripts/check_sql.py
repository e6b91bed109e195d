"""Compares answers of `nasbench query --sql` with those of DuckDB, and what fastparquet and pyarrow read. See check_sql.sh.

check_sql.py NASBENCH BENCHMARK EXPORTED
"""

import csv
import datetime
import io
import json
import math
import subprocess
import sys

import duckdb
import fastparquet
import pandas
import pyarrow.parquet

# Numbers in floating point may differ by what single precision and the order of a sum leave open.
RELATIVE, ABSOLUTE = 1e-6, 2e-7

ANSWERED = """
select count(*) as n from records
select count(*) as n from records where edges - vertices < 0
select max(epochs) - 20 as d from records
select max(vertices) * 100 as d from records
select avg(abs(epochs - 6)) as s from records
select epochs * 10000 as s from records where epochs = 12 limit 1
select -epochs as e, count(*) as n from records group by -epochs order by 1
select distinct - epochs as e from records order by e
select min(a.edges - b.edges) as least, max(a.edges - b.edges) as most from records a join records b on a.vertices = b.vertices and a.epochs = b.epochs and a.repeat = b.repeat where a.repeat = 0 and a.epochs = 1 and a.vertices < 5
select sum(trainable_parameters) as s from records
select sum(trainable_parameters) * 1000 as s, sum(trainable_parameters * 1000) as t from records
select sum(edges) as e, sum(vertices) as v, sum(epochs) as p, sum(repeat) as r from records
select sum(flops * flops) as s from records where epochs = 12
select sum(flops) as f, sum(peak_memory) as m from records
select vertices, sum(trainable_parameters) as s from records group by vertices order by vertices
select edges, sum(edges - 7) as s, min(edges - 7) as m from records group by edges order by edges
select trainable_parameters - 5000 as d from records order by d, module_hash, epochs, repeat limit 10
select trainable_parameters * trainable_parameters * 1000 as d from records order by d desc, module_hash, epochs, repeat limit 5
select vertices * vertices * vertices * vertices as d, count(*) as n from records group by vertices order by vertices
select 3 - vertices as d, count(*) as n from records group by vertices order by vertices
select (edges - 9) % 4 as r, count(*) as n from records group by 1 order by 1
select (edges - 9) // 4 as q, count(*) as n from records group by 1 order by 1
select mod(edges - 9, 4) as r, count(*) as n from records group by 1 order by 1
select edges / 2 as h, count(*) as n from records group by 1 order by 1
select epochs / 4 - 1 as h from records where repeat = 1 order by 1 limit 3
select -7 % 3 as a, 7 % -3 as b, -7 // 2 as c, 7 - 10 as d, -3 * 5 as e
select abs(edges - 9) as a, count(*) as n from records group by 1 order by 1
select sign(edges - 6) as a, count(*) as n from records group by 1 order by 1
select pow(flops, 3) as p from records order by p desc limit 1
select power(edges, 2) - 30 as p from records order by p limit 1
select count(*) - 1000 as d from records where vertices = 2
select count(*) - 100000 as d, count(distinct module_hash) - 3000 as e from records
select vertices, count(*) - 100 as d from records group by vertices order by vertices
select length(module_operations) - 100 as d, count(*) as n from records group by 1 order by 1
select sum(length(module_adjacency)) as s, sum(length(module_adjacency) - 20) as t from records
select strpos(module_operations, 'max') - 10 as p, count(*) as n from records group by 1 order by 1
select extract(year from recorded_at) * 1000 as y, count(*) as n from records group by 1 order by 1
select extract(hour from recorded_at) - 24 as h, count(*) as n from records group by 1 order by 1
select cast(final_validation_accuracy * 10000 as int) as d, count(*) as n from records group by 1 order by 2 desc, 1 limit 5
select avg(final_validation_accuracy) as m, stddev(final_validation_accuracy) as s from records
select epochs, avg(final_test_accuracy) as m, min(final_test_accuracy) as a, max(final_test_accuracy) as b from records group by epochs order by epochs
select sum(final_validation_accuracy) as s, sum(final_validation_accuracy * final_validation_accuracy) as t from records
select variance(final_test_accuracy) as v from records where epochs = 12
select corr(final_validation_accuracy, final_test_accuracy) as r from records where epochs = 12
select covar_samp(edges, final_test_accuracy) as r from records where epochs = 12
select median(final_training_time) as m from records where epochs = 12
select quantile_cont(final_test_accuracy, 0.9) as q from records where epochs = 12
select count(*) as n from records where final_validation_accuracy > 0.5
select count(*) as n from records where final_validation_accuracy between 0.45 and 0.5 and epochs in (4, 12)
select module_hash, final_validation_accuracy from records order by final_validation_accuracy desc, module_hash, epochs, repeat limit 10
select module_hash, final_validation_accuracy * 100 as percent from records order by percent desc, module_hash, epochs, repeat limit 10
select final_test_accuracy - final_validation_accuracy as gap, module_hash from records where epochs = 12 order by gap desc, module_hash, repeat limit 5
select module_hash, avg(final_validation_accuracy) as m from records where epochs = 12 group by module_hash order by m desc, module_hash limit 10
select module_hash, max(final_validation_accuracy) - min(final_validation_accuracy) as width from records where epochs = 12 group by module_hash having count(*) = 3 order by width desc, module_hash limit 10
select vertices, count(distinct module_hash) as cells from records group by vertices having count(distinct module_hash) > 50 order by cells desc
select case when edges - vertices < 0 then 'few' when edges - vertices = 0 then 'as many' else 'more' end as kind, count(*) as n from records group by 1 order by 2
select sum(case when final_validation_accuracy < 0.5 then 1 else 0 end) as n, sum(case when edges > 5 then edges - 10 else 0 end) as m from records
select coalesce(nullif(repeat, 0), 99) - 100 as r, count(*) as n from records group by 1 order by 1
select seed from records order by seed desc limit 3
select seed from records where module_hash like '00%' and epochs = 1 order by seed limit 20
select count(distinct seed) as n, min(seed) as a, max(seed) as b from records
select seed % 1000 as r from records order by module_hash, epochs, repeat limit 5
select status, source, device, tool_version, count(*) as n from records group by status, source, device, tool_version
select upper(status) || '-' || source as s, count(*) as n from records group by 1
select recorded_at from records order by recorded_at limit 3
select max(recorded_at) as last, min(recorded_at) as first from records
select substr(module_hash, 1, 1) as digit, count(*) as n from records group by 1 order by 1
select module_operations, count(*) as n from records where module_operations like '%conv3x3%conv3x3%' group by module_operations order by n desc, module_operations limit 7
select a.module_hash, a.final_validation_accuracy - b.final_validation_accuracy as gain from records a join records b on a.module_hash = b.module_hash and a.repeat = b.repeat where a.epochs = 12 and b.epochs = 4 order by a.module_hash, a.repeat limit 10
with best as (select module_hash, avg(final_validation_accuracy) as m from records where epochs = 12 group by module_hash order by m desc, module_hash limit 20) select r.vertices, count(*) as n, avg(best.m) as m from best join records r on r.module_hash = best.module_hash where r.repeat = 0 and r.epochs = 1 group by r.vertices order by r.vertices
select count(*) as n from records where module_hash in (select module_hash from records where final_validation_accuracy > 0.54)
select count(distinct module_hash) as n from records where module_hash not in (select module_hash from records where final_validation_accuracy < 0.48 and epochs = 12)
select epochs from records where vertices = 2 union all select vertices from records where vertices = 2 order by 1
select distinct vertices, epochs from records order by vertices desc, epochs limit 7
select module_hash, repeat, row_number() over (partition by module_hash order by repeat desc) - 2 as place from records where epochs = 12 and vertices < 4 order by module_hash, place
select module_hash, count(*) over (partition by vertices, edges) - 1000 as d from records where epochs = 12 and repeat = 0 order by d, module_hash limit 12
select module_hash, edges - max(edges) over (partition by vertices) as d from records where epochs = 1 and repeat = 0 and vertices < 5 order by d, module_hash limit 9
select sum(trainable_parameters) over (partition by vertices) as s, module_hash from records where epochs = 1 and repeat = 0 and vertices < 4 order by s, module_hash
select max(start_train_accuracy) as a, count(curve_train_loss) as b, count(wall_time) as c from records
select nullif(epochs, 1) as e, repeat from records where vertices = 2 order by e desc, repeat
select nullif(epochs, 1) as e, repeat from records where vertices = 2 order by e, repeat
select nullif(epochs, 12) as e, repeat from records where vertices = 2 order by e desc nulls first, repeat
select curve_learning_rate, curve_validation_accuracy from records where vertices = 2 and epochs = 1 order by repeat
select greatest(epochs - 7, 0) as g, least(edges - 5, 0) as l, count(*) as n from records group by 1, 2 order by 1, 2
select round(final_validation_accuracy - 0.00003, 2) as r, count(*) as n from records where epochs = 12 group by 1 order by n desc, r limit 5
select sqrt(edges) as q, ln(flops) as l, floor(final_training_time) as f, ceil(final_training_time) as c from records where vertices = 3 and epochs = 1 and repeat = 0 order by module_hash
select edges - 1 - 2 - 3 + vertices * 2 - 10 as d, count(*) as n from records group by 1 order by 1
select (epochs - 1) * (epochs - 12) as d, count(*) as n from records group by 1 order by 1
select sum(wall_time) as s, avg(wall_time) as a from records where epochs = 99
select sum(1) as s, sum(2.5) as t, sum(1) / count(*) as q, max(1) as m, avg(3) as a from records
select epochs, sum(1) as s from records group by epochs order by epochs
select sum(1) as s, max(1) as m from records where epochs > 100
select round(edges / 2) as r, round((edges - 6) / 4, 1) as q, count(*) as n from records group by 1, 2 order by 1, 2
select round(epochs / 4) as r, count(*) as n from records group by 1 order by 1
select cast(1.9 as int) as a, cast(0.57 * 100 as int) as b, cast(-1.9 as bigint) as c
select 0.5 * 3 as a, 0.25 * 3 as b
select module_hash, row_number() over (order by final_validation_accuracy * 100, module_hash) as r from records where epochs = 12 and repeat = 0 and vertices < 5 and final_validation_accuracy is not null order by module_hash limit 5
""".strip().splitlines()

REFUSED = """
select module_hash, max(final_validation_accuracy) from records limit 1
select epochs, vertices, count(*) from records group by epochs
select max(epochs) from records order by vertices
select *, count(*) from records
select epochs, avg(edges) + vertices from records group by epochs
select vertices from records group by epochs
select epochs, count(*) from records group by epochs having vertices > 3
select flops * flops * flops * flops from records
select acuracy from records
select status - 1 from records
""".strip().splitlines()


def of_nasbench(program, benchmark, sql):
    """The rows of an answer as texts; an error as None."""
    command = [program, "query", benchmark, "--sql", sql, "--format", "csv"]
    ended = subprocess.run(command, capture_output=True, text=True)
    if ended.returncode != 0:
        return None, ended.stderr.strip()
    return list(csv.reader(io.StringIO(ended.stdout)))[1:], ""


def is_same(text, value):
    if value is None:
        return text == ""
    if isinstance(value, bool):
        return text == str(value).lower()
    if isinstance(value, datetime.datetime):
        return datetime.datetime.fromisoformat(text).replace(tzinfo=None) == value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    if isinstance(value, list):
        found = json.loads(text)
        return len(found) == len(value) and all(is_same(str(a), b) for a, b in zip(found, value))
    if isinstance(value, int) and "." not in text:
        return int(text) == value
    if isinstance(value, (int, float)):
        return text != "" and math.isclose(float(text), float(value), rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return text == str(value)


def is_same_answer(found, expected, is_ordered):
    if not is_ordered:
        found, expected = sorted(found), sorted(expected, key=lambda row: [str(value) for value in row])
    return len(found) == len(expected) and all(
        len(a) == len(b) and all(map(is_same, a, b)) for a, b in zip(found, expected)
    )


def check_queries(program, benchmark):
    """Compares every answer; returns how many are wrong."""
    database = duckdb.connect()
    database.execute("set timezone = 'UTC'")
    # DuckDB refuses `edges - vertices` below 0 in unsigned numbers: it is to compute with 64 bits and a sign, too.
    file = f"read_parquet('{benchmark}/records.parquet')"
    narrow = "('UTINYINT', 'USMALLINT', 'UINTEGER', 'UBIGINT')"
    columns = database.execute(f"select column_name from (describe select * from {file}) where column_type in {narrow}").fetchall()
    wide = ", ".join(f"{name}::bigint as {name}" for (name,) in columns if name != "seed")
    database.execute(f"create view records as select * replace ({wide}) from {file}")
    wrong = 0
    for sql in ANSWERED:
        expected = database.execute(sql).fetchall()
        found, problem = of_nasbench(program, benchmark, sql)
        if found is None or not is_same_answer(found, expected, " order by " in sql):
            wrong += 1
            print(f"DIFFERENT {sql}\n    duckdb   {expected[:6]}\n    nasbench {problem or found[:6]}")
    for sql in REFUSED:
        try:
            expected = database.execute(sql).fetchall()
            print(f"duckdb answers {sql}: {expected[:3]}")
            wrong += 1
        except duckdb.Error:
            pass
        found, problem = of_nasbench(program, benchmark, sql)
        if found is not None:
            wrong += 1
            print(f"NOT REFUSED {sql}\n    {found[:3]}")
    print(f"{len(ANSWERED)} answers compared with DuckDB {duckdb.__version__}, {len(REFUSED)} questions refused by both")
    return wrong


def check_file(file):
    """Compares what fastparquet reads of a file with what pyarrow does; returns how many columns differ."""
    expected = pyarrow.parquet.read_table(file)
    found = fastparquet.ParquetFile(file).to_pandas()
    wrong = 0
    for name in expected.column_names:
        values = expected[name].to_pylist()
        read = [None if pandas.isna(value) else value for value in found[name.split(".")[0]].tolist()] \
            if not str(expected.schema.field(name).type).startswith("list") else [None if v is None else list(v) for v in found[name]]
        same = all(is_same_value(a, b) for a, b in zip(read, values)) and len(read) == len(values)
        if not same:
            wrong += 1
            print(f"DIFFERENT column {name} of {file}: {read[:2]} instead of {values[:2]}")
    print(f"{len(expected.column_names)} columns of {len(expected)} rows of {file} read by fastparquet {fastparquet.__version__}")
    return wrong


def is_same_value(found, expected):
    if expected is None or found is None:
        return found is expected
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(is_same_value, found, expected))
    if isinstance(expected, datetime.datetime):
        found = found.to_pydatetime() if hasattr(found, "to_pydatetime") else found
        return found.replace(tzinfo=None) == expected.replace(tzinfo=None)
    return found == expected or (found != found and expected != expected)


def main():
    program, benchmark, exported = sys.argv[1:]
    wrong = check_queries(program, benchmark) + check_file(f"{benchmark}/records.parquet") + check_file(exported)
    if wrong:
        sys.exit(f"{wrong} differences")


main()

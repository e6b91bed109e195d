//! Queries, with the right answers.

use serde_json::json;

use super::*;
use crate::table::Status;
use crate::table::fixture::{benchmark, records, with_divergence};
use crate::table::{Record, columns};
use crate::unit::{Accuracy, Parameters};

/// Returns the tiny benchmark, with rows of verification.
fn tiny() -> Benchmark {
    Benchmark::open("tests/data/tiny-benchmark").unwrap()
}

fn rows(sql: &str) -> Vec<Vec<Value>> {
    query(&tiny(), sql).unwrap_or_else(|error| panic!("{sql}: {error}")).rows
}

/// Returns the rows of an answer about the bundled benchmark.
fn bundled(sql: &str) -> Vec<Vec<Value>> {
    let benchmark = Benchmark::open("data/nb101-5v-clutter").unwrap();
    query(&benchmark, sql).unwrap_or_else(|error| panic!("{sql}: {error}")).rows
}

fn message(sql: &str) -> String {
    query(&tiny(), sql).expect_err(sql).to_string()
}

#[test]
fn queries_of_every_day_are_answered() {
    assert_eq!(rows("select count(*) from records"), [[json!(364)]]);
    assert_eq!(
        rows("SELECT epochs, COUNT(DISTINCT module_hash) AS cells FROM records GROUP BY epochs ORDER BY epochs"),
        [[json!(1), json!(91)], [json!(2), json!(91)]]
    );
    let best = rows(
        "select module_hash, avg(final_validation_accuracy) as accuracy from records where epochs = 2 and status = 'ok' \
        group by module_hash order by accuracy desc, module_hash limit 3",
    );
    assert_eq!(best.len(), 3);
    let accuracies: Vec<_> = best.iter().map(|row| row[1].as_f64().unwrap()).collect();
    assert!(accuracies.is_sorted_by(|one, next| one >= next) && accuracies[2] > 0.2, "{accuracies:?}");
    assert!(rows("select count(*) from verified")[0][0].as_u64().unwrap() > 0);
    let joined = rows(
        "with again as (select module_hash, avg(final_test_accuracy) as test from verified group by module_hash) \
        select count(*) from again join records on again.module_hash = records.module_hash where records.repeat = 0",
    );
    assert!(joined[0][0].as_u64().unwrap() > 0);
    assert_eq!(rows("-- how many\n(select distinct status from records)"), [[json!("ok")]]);
}

#[test]
fn values_are_what_the_records_hold() {
    let folder = tempfile::tempdir().unwrap();
    let all = with_divergence(records());
    let benchmark = benchmark(folder.path(), &all, &[]);
    let frame = query(
        &benchmark,
        "select seed, flops, final_validation_accuracy, curve_train_loss, recorded_at, status, device, tool_version, vertices, \
        total_time, module_hash from records",
    )
    .unwrap();
    assert_eq!(frame.columns[..2], ["seed", "flops"]);
    assert_eq!(frame.rows.len(), all.len());
    for (row, record) in frame.rows.iter().zip(&all) {
        assert_eq!(row[0], json!(record.seed.map(|seed| seed.0)));
        assert_eq!(row[1], json!(record.flops.0));
        let digits = record.end.validation_accuracy.map_or("null".to_owned(), |accuracy| accuracy.fraction().to_string());
        assert_eq!(row[2].to_string(), digits);
        let moment = record.recorded_at.map(|moment| moment.to_string());
        assert_eq!(row[4], json!(moment));
        assert_eq!(row[5], record.status.name());
        assert_eq!(row[6], json!(record.device));
        assert_eq!((&row[7], &row[8]), (&json!(record.tool_version), &json!(record.cell.vertices())));
        assert_eq!(row[9], json!(record.total_time.0));
        assert_eq!(row[10], json!(record.hash.to_string()));
    }
    assert_eq!(frame.rows[0][3], json!([1.0, null, null]));
    let curve = frame.rows.iter().find(|row| row[3].is_array() && row[5] == "ok").unwrap();
    assert_eq!(curve[3].to_string(), "[0.1,1e-8,3.4e38]".replace("e38", "e+38"));
}

#[test]
fn a_key_that_stands_in_two_files_is_one_row() {
    let folder = tempfile::tempdir().unwrap();
    let all = records();
    let benchmark = benchmark(folder.path(), &all[..8], &[all[6..].to_vec(), all[5..7].to_vec()]);
    let frame = query(&benchmark, "select count(*), sum(trainable_parameters) from records").unwrap();
    let parameters: u64 = all.iter().map(|record| u64::from(record.parameters.0)).sum();
    assert_eq!(frame.rows, [[json!(all.len()), json!(parameters)]]);
}

#[test]
fn of_the_rows_of_a_key_the_newest_counts_that_did_not_fail() {
    let folder = tempfile::tempdir().unwrap();
    let all = records();
    let failed = Record { status: Status::Failed, end: crate::train::Evaluation::default(), ..all[0].clone() };
    let newer = Record { tool_version: "newer".to_owned(), ..all[2].clone() };
    let benchmark = benchmark(folder.path(), &[], &[vec![all[0].clone(), all[2].clone()], vec![failed, newer]]);
    let frame = query(&benchmark, "select status, tool_version from records order by module_hash, epochs, repeat").unwrap();
    assert_eq!(frame.rows, [[json!("ok"), json!(all[0].tool_version)], [json!("ok"), json!("newer")]]);
}

#[test]
fn a_column_that_an_older_file_lacks_is_null_beside_newer_files() {
    let sql = "select sum(case when curve_images_per_second is null then 1 else 0 end), count(*) from records";
    assert_eq!(query(&tiny(), sql).unwrap().rows, [[json!(364), json!(364)]]);
    let folder = tempfile::tempdir().unwrap();
    let mut newer = records();
    newer[0].curves.images_per_second = vec![5.0];
    let benchmark = benchmark(folder.path(), &[], &[newer]);
    for name in ["0.parquet", "9.parquet"] {
        let file = benchmark.shards(Part::Recorded).join(name);
        fs_err::copy("tests/data/tiny-benchmark/shards/1.parquet", &file).unwrap();
        assert_eq!(query(&benchmark, sql).unwrap().rows, [[json!(375), json!(376)]], "{name}");
        assert_eq!(benchmark.records().unwrap().len(), 376);
        fs_err::remove_file(file).unwrap();
    }
}

#[test]
fn a_benchmark_without_rows_has_tables_without_rows() {
    let folder = tempfile::tempdir().unwrap();
    let benchmark = benchmark(folder.path(), &[], &[]);
    let frame = query(&benchmark, "select epochs, status from records").unwrap();
    assert_eq!((frame.columns.as_slice(), frame.rows.len()), (["epochs".to_owned(), "status".to_owned()].as_slice(), 0));
    let error = query(&benchmark, "select * from verified").unwrap_err().to_string();
    assert_eq!(error, "unknown table `verified` (known: records)");
}

#[test]
fn the_first_rows_are_given_with_how_many_there_are() {
    let (frame, total) = query_first(&tiny(), "select epochs from records order by epochs desc", 2).unwrap();
    assert_eq!((frame.rows, total), (vec![vec![json!(2)], vec![json!(2)]], 364));
}

#[test]
fn what_is_not_there_is_named_with_what_is() {
    assert_eq!(message("select * from record"), "unknown table `record` (known: records, verified)");
    for sql in [
        "select acuracy from records",
        "select epochs from records where acuracy > 0.9",
        "select r.acuracy from records as r",
        "select avg(acuracy) from records group by epochs",
        "select epochs from records order by acuracy",
    ] {
        let message = message(sql);
        assert!(message.starts_with("unknown column `acuracy` (known: module_hash, "), "{sql}: {message}");
        assert!(message.ends_with(", tool_version, numerics, training_operations)"), "{sql}: {message}");
    }
}

#[test]
fn two_columns_of_one_name_are_told_to_get_names() {
    for sql in ["select repeat, repeat from records", "select epochs, min(repeat) as epochs from records group by epochs"] {
        let expected = "two columns of the answer have the name `";
        assert!(message(sql).starts_with(expected), "{}", message(sql));
    }
}

#[test]
fn a_computed_column_is_called_by_its_text() {
    for (sql, names) in [
        ("select count(*), min(repeat), max(repeat) from records", &["count(*)", "min(repeat)", "max(repeat)"][..]),
        ("select epochs, count(distinct module_hash) from records group by epochs", &["epochs", "count(DISTINCT module_hash)"]),
        ("select r.epochs, avg(r.edges) as e from records r group by r.epochs", &["epochs", "e"]),
        ("select epochs + 1, max(edges) from records group by epochs + 1", &["epochs + 1", "max(edges)"]),
        ("select 1, 'a', epochs * 2 from records", &["1", "'a'", "epochs * 2"]),
        ("select \"max(edges)\" from (select max(edges) from records) as t", &["max(edges)"]),
    ] {
        let frame = query(&tiny(), sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert_eq!(frame.columns, names, "{sql}");
    }
}

#[test]
fn groups_are_ordered_by_what_they_have() {
    let by_count = [[json!(4)], [json!(3)], [json!(2)]];
    for (sql, expected) in [
        ("select vertices from records group by vertices order by count(*) desc", &by_count[..]),
        ("select vertices from records group by vertices order by avg(edges) desc", &by_count),
        ("select vertices from records group by vertices order by -max(edges), count(*)", &by_count),
        ("select vertices as v from records group by vertices order by sum(flops) desc, v limit 2", &by_count[..2]),
        ("select vertices from records group by vertices having count(*) > 12 order by max(edges) desc", &by_count[..2]),
        (
            "select v from (select vertices as v from records group by v order by count(*) desc limit 2) as t order by v desc",
            &by_count[..2],
        ),
    ] {
        let frame = query(&tiny(), sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert_eq!(
            (frame.rows.as_slice(), frame.columns.len()),
            (&expected.iter().map(|row| row.to_vec()).collect::<Vec<_>>()[..], 1),
            "{sql}"
        );
    }
    let counted = rows("select vertices, count(*) from records group by vertices order by count(*) limit 1");
    assert_eq!(counted[0][0], json!(2));
    let distinct = rows("select distinct epochs * 2 from records order by epochs * 2 desc");
    assert_eq!(distinct, [[json!(4)], [json!(2)]]);
}

#[test]
fn an_aggregate_stands_only_where_groups_do() {
    for (sql, aggregate, clause) in [
        ("select epochs from records where flops = max(flops)", "max(flops)", "where"),
        ("select count(*) from records where count(*) > 2", "count(*)", "where"),
        ("select a.epochs from records a join records b on a.flops = max(b.flops)", "max(b.flops)", "on"),
        ("select count(*) from records group by max(epochs)", "max(epochs)", "group by"),
        ("select e from (select epochs as e from records where avg(edges) > 1) as t", "avg(edges)", "where"),
    ] {
        let expected = format!("`{aggregate}` cannot stand in `{clause}`, which looks at one row at a time: choose groups with ");
        assert!(message(sql).starts_with(&expected), "{sql}: {}", message(sql));
    }
    assert!(
        message("select max(avg(edges)) from records").starts_with("`max(avg(edges))` aggregates what is aggregated already")
    );
    assert_eq!(
        message("select epochs from records order by max(edges)"),
        "`order by max(edges)` aggregates, and needs a `group by`"
    );
    assert_eq!(
        message("select distinct epochs from records order by vertices"),
        "distinct rows are ordered by what they have: select `vertices`, too, or leave it out of `order by`"
    );
    let of = |name: &str| message(&format!("select epochs, {name}(edges) from records group by epochs"));
    for name in ["var_pop", "any_value"] {
        assert!(of(name).contains(name), "{}", of(name));
    }
    assert!(of("nothing").starts_with("the column `edges` stands beside an aggregate"), "{}", of("nothing"));
    assert!(rows("select count(*) as n from records where flops in (select max(flops) from records)")[0][0].as_u64() > Some(0));
}

#[test]
fn what_is_no_query_is_refused() {
    for (sql, found) in [
        ("drop table records", "drop"),
        ("DELETE FROM records", "DELETE"),
        ("create table copy as select * from records", "create"),
        ("-- only a comment", "-- only a comment"),
        ("", ""),
        ("selec epochs from records", "selec"),
        ("/* never closed", "/* never closed"),
    ] {
        let message = message(sql);
        assert!(message.ends_with(&format!("found `{found}`")) && message.starts_with("a benchmark is only read"), "{message}");
    }
}

#[test]
fn whatever_is_asked_ends_in_an_answer_or_a_message() {
    let deep = format!("select {}1{} from records limit 1", "(".repeat(3_000), ")".repeat(3_000));
    let long = format!("select {} from records limit 1", "1+".repeat(1_000) + "1");
    let too_long = format!("select {} from records", "1+".repeat(10_000) + "1");
    for sql in [
        "select",
        "select from records",
        "select * from records where",
        "select 'a",
        "select epochs from records; select epochs from records",
        "select epochs from records order by 0",
        "select epochs from records order by 99",
        "select epochs from records limit -1",
        "select epochs from records limit 'a'",
        "select epochs / 0, 1 % 0, sqrt(-1) from records limit 1",
        "select cast('x' as int) from records",
        "select sum(status) from records",
        "select status + 1 from records",
        "select curve_train_loss + 'a' from records",
        "select epochs from records group by epochs having nothing",
        "select *, * from records",
        "select epochs, epochs from records",
        "select nothing(epochs) from records",
        "select * from read_parquet('/nowhere')",
        "select * from read_parquet(1)",
        "select * from records, verified limit 3",
        "select * from records a join records b on a.epochs",
        "select (select epochs from records) from records",
        "select epochs from records where epochs in (select status from records)",
        "select epochs from records except select epochs from verified",
        "select epochs from records union select status from records",
        "select substr(status, -1) from records",
        "select cast(recorded_at as date), cast(final_test_accuracy as decimal(5,2)) from records limit 1",
        "select recorded_at - recorded_at from records limit 1",
        "select array_agg(epochs) from records",
        "values (1, 2), (3)",
        "show tables",
        "explain select epochs from records",
        "with recursive r as (select 1) select * from r",
        "select rank() over (partition by epochs order by nothing) from records",
        "select \u{0} from records",
        "select '\u{1F600}' from records limit 1",
        "select 99999999999999999999999999999 from records limit 1",
        "select 1e400 from records limit 1",
        &deep,
        &long,
        &too_long,
    ] {
        if let Err(error) = query(&tiny(), sql) {
            let message = error.to_string();
            assert!(message.len() < 2_000 && message.lines().count() == 1 && message.len() > 5, "{sql}: {message}");
        }
    }
}

#[test]
fn arithmetic_on_narrow_columns_does_not_wrap_around() {
    for (sql, expected) in [
        ("select count(*) as n from records where edges - vertices < 0", json!(372)),
        ("select max(epochs) - 20 as d from records", json!(-8)),
        ("select max(vertices) * 100 as d from records", json!(500)),
        ("select avg(abs(epochs - 6)) as s from records", json!(4.529_958_197_863_45)),
        ("select epochs * 10000 as s from records where epochs = 12 limit 1", json!(120_000)),
        ("select min(-epochs) as e from records", json!(-12)),
        ("select max(-epochs) from records", json!(-1)),
        (
            "select min(a.edges - b.edges) as d from records a join records b on a.vertices = b.vertices where a.vertices = 3",
            json!(-1),
        ),
        ("select max(vertices * vertices * vertices * vertices) as d from records", json!(625)),
        ("select count(*) - 1000 as d from records where vertices = 2", json!(-991)),
        ("select count(distinct module_hash) - 3000 as d from records", json!(-468)),
        ("select min(length(module_operations) - 100) as d from records", json!(-88)),
        ("select sum(edges - 10) as s from records where vertices = 2", json!(-81)),
        ("select max(extract(year from recorded_at) * 1000) as y from records", json!(2_026_000)),
        ("select max(cast(epochs as tinyint) * 100) as d from records", json!(1_200)),
        ("select max(cast(flops as int) * 100000) as d from records", json!(43_304_000_000_i64)),
        ("select min(edges - 1 - 2 - 3 + vertices * 2 - 10) as d from records", json!(-11)),
        ("select min((edges - 9) % 4) as r from records", json!(-3)),
        ("select min((edges - 9) // 4) as q from records", json!(-2)),
        ("select -7 % 3 as a from records limit 1", json!(-1)),
        ("select sum(trainable_parameters) as s from records", json!(117_916_581)),
        ("select sum(flops * flops) as s from records where epochs = 12", json!(1_300_299_472_313_856_i64)),
        ("select max(pow(flops, 3)) as p from records", json!(81_205_237_758_464_000_f64)),
    ] {
        assert_eq!(bundled(sql), [[expected]], "{sql}");
    }
}

#[test]
fn a_sum_has_room_for_all_of_its_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let all: Vec<_> =
        (0..495).map(|repeat| Record { parameters: Parameters(10_177_674), repeat, ..records()[0].clone() }).collect();
    let benchmark = benchmark(folder.path(), &all, &[]);
    let sql = "select sum(trainable_parameters), sum(repeat) as r, sum(trainable_parameters * 1000) as t from records";
    assert_eq!(query(&benchmark, sql).unwrap().rows, [[json!(5_037_948_630_i64), json!(122_265), json!(5_037_948_630_000_i64)]]);
}

#[test]
fn what_is_beyond_64_bits_is_refused() {
    let sum = message("select sum(flops * 9000000000000) as s from records");
    assert!(sum.ends_with("is beyond 64-bit integers: compute it in floating point, as in `cast(… as double)`"), "{sum}");
    for sql in [
        "select flops * flops * flops * flops * flops as f from records",
        "select -seed as s from records",
        "select seed + 9000000000000000000 as s from records",
        "select sum(seed) as s from records",
        "select count(*) from records where seed * 2 > 5",
        "with t as (select flops * flops * flops * flops * flops as f from records) select max(f) as m from t",
    ] {
        let message = message(sql);
        let is_said = message.starts_with("the result of `") && message.ends_with("as in `cast(… as double)`");
        assert!(is_said, "{sql}: {message}");
    }
    // A polars that was built with checks panics where another wraps around, which is seen.
    for over in ["from records group by vertices", ", vertices from records group by vertices"] {
        message(&format!("select sum(seed) as s {over}"));
    }
    assert_eq!(rows("select count(*) from records where cast(seed as double) * 2 > 5"), [[json!(364)]]);
}

#[test]
fn seeds_keep_all_of_their_bits() {
    let largest = rows("select seed from records order by seed desc limit 1")[0][0].as_u64().unwrap();
    assert!(largest > u64::try_from(i64::MAX).unwrap());
    assert_eq!(rows(&format!("select count(*) from records where seed = {largest}")), [[json!(1)]]);
    for (what, expected) in [
        ("seed % 1000", largest % 1000),
        ("seed - epochs + epochs", largest),
        ("seed // 3", largest / 3),
        ("seed - 1", largest - 1),
        ("cast(seed as ubigint)", largest),
        ("max(seed)", largest),
        ("sum(seed - 7) + 7", largest),
    ] {
        assert_eq!(rows(&format!("select {what} as r from records where seed = {largest}")), [[json!(expected)]], "{what}");
    }
    for (what, expected) in [
        ("seed > -1", 25_836),
        ("-1 < seed", 25_836),
        ("cast(seed as ubigint) > -1", 25_836),
        ("seed >= epochs - 20", 25_836),
        ("seed < 0", 0),
        ("seed in (select seed from records)", 25_836),
        ("seed > 1e30", 0),
        ("seed between -1 and 18446744073709551615", 25_836),
    ] {
        assert_eq!(bundled(&format!("select count(*) as n from records where {what}")), [[json!(expected)]], "{what}");
    }
    for sql in [
        "select count(*) as n from records a join records b on a.seed = b.seed",
        "select count(*) as n from (select seed, count(*) as c from records group by seed) as t where c = 1",
        "select count(*) as n from (select distinct seed from records) as t",
        "select count(*) as n from (select seed from records union select seed from records) as t",
        "select count(distinct seed) as n from records",
    ] {
        assert_eq!(bundled(sql), [[json!(25_836)]], "{sql}");
    }
    let digits: u64 = tiny().records().unwrap().iter().map(|record| record.seed.unwrap().0 % 10).sum();
    assert_eq!(rows("select sum(seed % 10) as s from records"), [[json!(digits)]]);
    assert_eq!(
        rows("select 1e3 as a, 2.5E-1 as b, count(*) as n from records where flops < 1e30"),
        [[json!(1_000.0), json!(0.25), json!(364)]]
    );
}

#[test]
fn a_column_beside_an_aggregate_must_be_grouped_by() {
    for (sql, column) in [
        ("select module_hash, max(final_validation_accuracy) from records limit 1", "module_hash"),
        ("select epochs, vertices, count(*) from records group by epochs", "vertices"),
        ("select max(epochs) from records order by vertices", "vertices"),
        ("select *, count(*) from records", "*"),
        ("select epochs, avg(edges) + vertices from records group by epochs", "vertices"),
        ("select vertices from records group by epochs", "vertices"),
        ("select epochs, count(*) from records group by epochs having vertices > 3", "vertices"),
        ("select n from (select r.repeat, count(*) as n from records r) as t", "repeat"),
        ("select count(*) from records union all select max(edges) + edges from records", "edges"),
        ("with t as (select epochs, sum(edges) as s from records) select s from t", "epochs"),
    ] {
        let message = message(sql);
        let expected = format!(
            "the column `{column}` stands beside an aggregate or a `group by` without being part of it: group by it, too, or say \
            which of its values, as in `max({column})`; the row with the largest value comes first with `order by … desc limit 1`"
        );
        assert_eq!(message, expected, "{sql}");
    }
    for sql in [
        "select epochs, count(*) from records group by epochs order by epochs",
        "select r.epochs as e, count(*) as n from records r group by r.epochs order by e, n",
        "select epochs * 2 as d, count(*) from records group by d",
        "select epochs - 2, max(edges) from records group by epochs - 2",
        "select epochs + 1 as e, max(edges) from records group by epochs",
        "select epochs, count(*) from records group by 1 order by 1",
        "select case when epochs = 1 then 'a' else 'b' end as k, count(*) from records group by 1",
        "select module_hash, edges - max(edges) over (partition by vertices) as d from records",
        "select epochs, max(edges) as m from records group by epochs having max(edges) > 1",
        "select epochs, count(*) from records group by all",
        "select 1 as one, count(*) from records",
    ] {
        let answered = query(&tiny(), sql);
        assert!(answered.is_ok(), "{sql}: {}", answered.unwrap_err());
    }
}

#[test]
fn nulls_come_last_in_both_directions() {
    let folder = tempfile::tempdir().unwrap();
    let all = records();
    let benchmark = benchmark(folder.path(), &all, &[]);
    let known = all.iter().filter(|record| record.end.validation_accuracy.is_some()).count();
    assert!(known < all.len());
    for order in ["desc", "asc", ""] {
        let sql = format!("select final_validation_accuracy from records order by final_validation_accuracy {order}");
        let values = query(&benchmark, &sql).unwrap().rows.concat();
        assert!(values[..known].iter().all(Value::is_number) && values[known..].iter().all(Value::is_null), "{sql}: {values:?}");
    }
    let sql = "select final_validation_accuracy from records order by final_validation_accuracy desc nulls first limit 1";
    assert_eq!(query(&benchmark, sql).unwrap().rows, [[Value::Null]]);
    let sql = "select row_number() over (order by final_validation_accuracy desc) as place, final_validation_accuracy as a from records \
        order by place limit 1";
    assert!(query(&benchmark, sql).unwrap().rows[0][1].is_number());
}

#[test]
fn single_precision_numbers_have_their_own_digits_and_are_computed_in_double_precision() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = records();
    for record in &mut all {
        record.end.test_accuracy = Accuracy::from_fraction(0.9);
    }
    let benchmark = benchmark(folder.path(), &all, &[]);
    let sql = "select min(final_test_accuracy) as a, avg(final_test_accuracy) as b, sum(final_test_accuracy) as c, \
        max(final_test_accuracy * 100) as d, max(final_test_accuracy + 0.05) as e from records where final_test_accuracy = 0.9";
    let texts: Vec<_> = query(&benchmark, sql).unwrap().rows.concat().iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["0.9", "0.9", "10.8", "90.0", "0.9500000000000001"]);
    let sql = "select curve_learning_rate, curve_train_loss from records where curve_train_loss is not null limit 1";
    assert_eq!(query(&benchmark, sql).unwrap().rows, [[json!([0.25]), json!([0.1, 1e-8, 3.4e38])]]);
}

#[test]
fn columns_and_tables_are_described() {
    let described = query(&tiny(), "describe records").unwrap();
    assert_eq!(described.columns, ["column", "type", "nullable", "unit", "about"]);
    let known: Vec<_> = columns().iter().map(|column| json!(column.name)).collect();
    assert_eq!(described.rows.iter().map(|row| row[0].clone()).collect::<Vec<_>>(), known);
    assert_eq!(described.rows[9][..4], [json!("flops"), json!("bigint"), json!(false), json!("operations")]);
    assert!(described.rows.iter().all(|row| row[4].as_str().unwrap().len() > 10), "every column is explained");
    let type_of = |name: &str| described.rows.iter().find(|row| row[0] == name).unwrap()[1].clone();
    let types = ["seed", "final_test_accuracy", "status", "recorded_at", "curve_train_loss", "epochs"].map(type_of);
    assert_eq!(
        types.to_vec(),
        json!(["hugeint", "double", "varchar", "timestamp", "double[]", "bigint"]).as_array().unwrap().clone()
    );
    for sql in ["describe verified", "show columns from verified", "desc verified"] {
        assert_eq!(query(&tiny(), sql).unwrap(), described, "{sql}");
    }
    assert_eq!(query_first(&tiny(), "describe records", 2).unwrap().0.rows, described.rows[..2]);
    assert_eq!(rows("show tables"), [[json!("records")], [json!("verified")]]);
    assert_eq!(message("describe record"), "unknown table `record` (known: records, verified)");
}

#[test]
fn an_aggregate_of_a_constant_counts_every_row() {
    let one = |sql: &str| rows(sql).remove(0);
    assert_eq!(
        one("select sum(1) as s, sum(2.5) as t, sum(-1) as u, sum(1) / count(*) as v from records"),
        [json!(364), json!(910.0), json!(-364), json!(1.0)]
    );
    assert_eq!(
        one("select sum(case when 1 = 1 then 1 else 0 end) as s, avg(3) as a, max(2) as b from records"),
        [json!(364), json!(3.0), json!(2)]
    );
    assert_eq!(
        rows("select sum(1) as s, epochs from records group by epochs order by epochs"),
        [[json!(182), json!(1)], [json!(182), json!(2)]]
    );
    assert_eq!(one("select sum(1) over (partition by epochs) as s from records limit 1"), [json!(182)]);
    assert_eq!(
        one("select sum(1) as s, max(1) as m, avg(1) as a from records where epochs > 100"),
        [Value::Null, Value::Null, Value::Null]
    );
    assert_eq!(one("select sum(1) filter (where epochs = 2) as s from records"), [json!(182)]);
}

#[test]
fn constants_have_sixty_four_bits_and_no_more() {
    assert_eq!(
        rows("select 2147483647 + 1 as a, 65535 * 65537 as b, abs(-3) as c, abs(-2.5) as d"),
        [[json!(2_147_483_648_i64), json!(4_294_967_295_i64), json!(3), json!(2.5)]]
    );
    for sql in [
        "select 9223372036854775807 + 1 as a",
        "select 9223372036854775807 * 2 as a from records limit 1",
        "select -9223372036854775807 - 10 as a",
        "select abs(-9223372036854775807 - 1) as a",
        "select abs(epochs - 9223372036854775807 - 3) as a from records limit 1",
        "select epochs from records where epochs < 9223372036854775807 + 1 limit 1",
    ] {
        assert!(message(sql).contains("is beyond 64-bit integers"), "{sql}: {}", message(sql));
    }
}

#[test]
fn functions_that_polars_counts_without_a_sign_meet_numbers_with_one() {
    let found =
        rows("select strpos(module_operations, 'max') - 10 as p, count(*) as n from records group by 1 order by 1 limit 1");
    assert_eq!(found[0][0], json!(-10), "where there is none the position is 0");
    assert_eq!(rows("select length(status) - 10 as l from records limit 1"), [[json!(-8)]]);
}

#[test]
fn constants_alone_are_one_row() {
    assert_eq!(rows("select 0.5 * 3 as a, 0.25 * 3 as b"), [[json!(1.5), json!(0.75)]]);
    assert_eq!(rows("select (1 + 2) * 3 as a, 3 * (1 + 2) as b, 1.9 as c"), [[json!(9), json!(9), json!(1.9)]]);
}

#[test]
fn halves_are_rounded_away_from_zero_and_casts_give_the_nearest_whole_number() {
    assert_eq!(
        rows("select round(0.5) as a, round(2.5) as b, round(-0.5) as c, round(0.125, 2) as d"),
        [[json!(1.0), json!(3.0), json!(-1.0), json!(0.13)]]
    );
    assert_eq!(
        rows("select cast(1.9 as int) as a, cast(0.57 * 100 as int) as b, cast(-1.9 as bigint) as c"),
        [[json!(2), json!(57), json!(-2)]]
    );
}

#[test]
fn what_a_window_orders_has_nulls_last_whatever_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let all = with_divergence(records());
    let measured = all.iter().filter(|record| record.end.validation_accuracy.is_some()).count();
    assert!(measured < all.len());
    let benchmark = benchmark(folder.path(), &all, &[]);
    for by in ["v desc", "v * 100 desc", "v * 100", "round(v, 4) desc", "v - 0.1 desc", "-v"] {
        let sql = format!(
            "select v from (select row_number() over (order by {by}) as r, v from (select final_validation_accuracy as v, epochs from records) as s) as t \
            order by r"
        );
        let found = query(&benchmark, &sql).unwrap_or_else(|error| panic!("{sql}: {error}")).rows;
        let first_null = found.iter().position(|row| row[0].is_null());
        assert_eq!(first_null, Some(measured), "{by}: {found:?}");
    }
}

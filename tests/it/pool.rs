//! Searches and comparisons on a table that lacks some of its cells.

use nasbench::compare::{self, GroundTruth, Judging};
use nasbench::search::{self, Budget, Setup};
use nasbench::table::{Benchmark, Record, Table, TableOracle};
use nasbench::unit::{Epochs, Seed};

fn records() -> Vec<Record> {
    Benchmark::shipped().unwrap().records().unwrap()
}

#[test]
fn without_one_cell_of_five_vertices_the_others_are_still_searched() {
    let mut records = records();
    let missing = records.iter().find(|record| record.cell.vertices() == 5).unwrap().cell;
    records.retain(|record| record.cell != missing);
    let table = Table::from_records(&records);
    let random = search::find("random").unwrap();
    let mut setup = Setup::on_table(&table, None, &[random], |_| true).unwrap();
    let pool = setup.pool.clone().unwrap();
    assert_eq!(pool.to_string(), "2531 recorded cells of the 2532 of the space, 1 missing");
    assert_eq!((setup.space.max_vertices(), setup.epochs), (5, Epochs(12)));
    setup.options = serde_json::json!({ "sampler": "uniform" });
    let history = search::run(random, &setup, &mut TableOracle::new(&table, Seed(1)), Budget::Evaluations(400), Seed(1)).unwrap();
    let of_five = history.trials.iter().filter(|trial| trial.candidate.architecture.vertices() == 5).count();
    // 2,441 of the 2,532 cells have five vertices.
    assert!(of_five > 360, "{of_five} of 400");
    assert!(history.trials.iter().all(|trial| !trial.candidate.architecture.is_isomorphic_to(&missing)));

    let truth =
        GroundTruth::of_table(&table, &compare::set_up(&table, None, &[random], Judging::All).unwrap(), Judging::All).unwrap();
    assert_eq!(truth.score(&missing), None);
    assert!(truth.regret(&history.incumbents().last().unwrap().1.candidate.architecture) < 0.05);
}

#[test]
fn only_the_budgets_that_an_algorithm_uses_make_a_pool() {
    let mut records = records();
    let first = records[0].hash;
    records.retain(|record| record.hash != first || record.epochs != Epochs(4));
    let table = Table::from_records(&records);
    let pool = |name: &str| Setup::on_table(&table, None, &[search::find(name).unwrap()], |_| true).unwrap().pool;
    assert!(pool("random").is_none() && pool("regularized-evolution").is_none());
    assert_eq!(pool("hyperband").unwrap().len(), 2_531);
    let both = ["random", "hyperband"].map(|name| search::find(name).unwrap());
    assert_eq!(
        compare::set_up(&table, None, &both, Judging::All).unwrap().pool.unwrap().len(),
        2_531,
        "all searches of a task in one pool"
    );
}

#[test]
fn a_cell_without_a_test_accuracy_is_not_compared_on_where_the_others_have_one() {
    let mut records = records();
    let first = records[0].hash;
    for record in records.iter_mut().filter(|record| record.hash == first) {
        record.end.test_accuracy = None;
    }
    let table = Table::from_records(&records);
    let random = search::find("random").unwrap();
    assert!(Setup::on_table(&table, None, &[random], |_| true).unwrap().pool.is_none());
    assert_eq!(compare::set_up(&table, None, &[random], Judging::All).unwrap().pool.unwrap().len(), 2_531);
}

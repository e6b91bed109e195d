//! The main job from end to end: enumerate, train and record, fit, search, verify, report.
//!
//! Each stage is a function here or a file beside; what it found goes into the [`Report`]. Given the same folder again, a
//! run continues: models that are recorded are not trained again.

mod fitting;
mod forecast;
mod recorded;
mod recording;
mod retrain;
mod searching;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use crate::dataset::Dataset;
use crate::engine::{Device, processor};
use crate::record;
use crate::report::{self, Header, Report, Stage};
use crate::space::{Cell, ModuleHash, Space};
use crate::table::{self, Benchmark, Manifest, Part, Record, Table, Timestamp};
use crate::train::Protocol;
use crate::unit::{Epochs, Seconds, Seed};
use crate::verify::{self, Contender, Role, Verification};
use crate::{network, search, space, surrogate, train};
use searching::Searched;

pub use forecast::{BudgetCost, Calibration, Forecast, Sample, forecast};
pub use recording::{Order, Portion, Recorded, Recording, Share, Workload, create, record};
pub use retrain::{Retrained, retrain};

/// An error of a run. What was recorded before it stays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The folder is not empty and holds no run.
    #[error("`{}` is not empty and holds no run that can be continued: choose another folder", folder.display())]
    Occupied {
        /// The folder.
        folder: PathBuf,
    },
    /// Too few recorded cells have an accuracy.
    #[error(
        "{found} of {cells} recorded cells have an accuracy, expected at least {expected} to fit a surrogate: the other trainings diverged"
    )]
    TooFewAccuracies {
        /// The cells with an accuracy.
        found: usize,
        /// All recorded cells.
        cells: usize,
        /// The fewest that a fit needs.
        expected: usize,
    },
    /// The benchmark does not record how its rows were trained.
    #[error("`{}` does not say how its rows were trained, as of a benchmark that was imported", folder.display())]
    NotRetrainable {
        /// Its folder.
        folder: PathBuf,
    },
    /// The images differ from those that the benchmark was trained on.
    #[error("the benchmark was trained on other images: expected those of `{expected}`, found `{found}` with another sha256")]
    OtherImages {
        /// The data set of the benchmark.
        expected: String,
        /// The data set that was given.
        found: String,
    },
    /// It was stopped. The same job goes on where it was.
    #[error("the run was stopped: what is recorded stays, and the same run goes on from there")]
    Stopped,
    /// A file or folder could not be read or written; the message names it.
    #[error(transparent)]
    File(#[from] std::io::Error),
    /// The protocol or the images do not fit, or a training failed.
    #[error(transparent)]
    Train(#[from] train::Error),
    /// The space has too many cells.
    #[error(transparent)]
    Space(#[from] space::Error),
    /// A network cannot be built.
    #[error(transparent)]
    Network(#[from] network::Error),
    /// The benchmark could not be read or written.
    #[error(transparent)]
    Table(#[from] table::Error),
    /// The recording failed.
    #[error(transparent)]
    Record(#[from] record::Error),
    /// No surrogate could be fitted.
    #[error(transparent)]
    Surrogate(#[from] surrogate::Error),
    /// A search failed.
    #[error(transparent)]
    Search(#[from] search::Error),
    /// The report could not be written.
    #[error(transparent)]
    Report(#[from] report::Error),
}

/// The settings of a run.
#[derive(Clone, Debug)]
pub struct Job {
    /// The folder of the run.
    pub out: PathBuf,
    /// The images.
    pub dataset: Dataset,
    /// How to train.
    pub protocol: Protocol,
    /// The cells to record.
    pub space: Space,
    /// The device that trains.
    pub device: Device,
    /// The number of models that are trained at a time, one thread each.
    pub workers: NonZeroUsize,
    /// The source of every random number.
    pub seed: Seed,
    /// The command line, for the report.
    pub command: String,
    /// A flag that ends the run with [`Error::Stopped`] after the models that are being trained; none if it cannot be stopped.
    pub stop: Option<Arc<AtomicBool>>,
}

/// An event of a run, for progress displays.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A stage began.
    Stage(&'a str),
    /// Models are about to be trained.
    Workload(Workload),
    /// A worker began, advanced or finished a model.
    Model {
        /// The number of the worker, from 0.
        worker: usize,
        /// The share of the model in the workload.
        portion: Portion,
        /// The event.
        event: record::Event<'a>,
    },
    /// A damaged file was set aside.
    Damaged(&'a record::Damage),
    /// A remark to print.
    Note(&'a str),
}

/// Receives the events of a run; called from the threads of the workers, too.
pub type Observe<'a> = &'a (dyn Fn(Event<'_>) + Sync);

/// Runs everything, and writes `benchmark/`, `models/`, `report.html` and, where the space was searched, `trials/` into the folder.
///
/// # Errors
///
/// [`Error`] of the first stage that failed. Running the same job again continues it.
pub fn run(job: &Job, observe: Observe<'_>) -> Result<Report, Error> {
    let started = Timestamp::now();
    let mut stages = Stages { observe, finished: Vec::new() };
    // What a build lacks is said before anything is trained.
    surrogate::find(fitting::ORACLE)?;
    let run = Run::prepare(job)?;
    let (cells, larger) = stages.time("enumerate", || Ok((job.space.cells()?, run.search_space.cells()?)))?;
    let counts = format!("{} cells to record, {} to search", cells.len(), larger.len());
    observe(Event::Note(&counts));
    let (records, before) = stages.time("train and record", || {
        run.record(Part::Recorded, &cells, &job.protocol.budgets, 0..job.protocol.repeats, observe)
    })?;
    if before > 0 {
        stages.note(&format!("after {before} rows"));
    }
    let classes = run.sources.skeleton.classes;
    let recorded = recorded::cells(&cells, &records, run.top, classes);
    let fit = || {
        let into = (job.out.join("models"), run.benchmark.identity());
        let table = Table::from_records(&records).with_classes(classes);
        fitting::fit(&recorded, &table, run.sources.skeleton, &run.search_space, run.top, job.seed, (&into.0, into.1))
    };
    let mut fitted = stages.time("fit", fit)?;
    let searched = stages
        .time("search", || searching::search(&fitted, (run.search_space, &larger), run.top, job.seed, &job.out.join("trials")))?;
    let verification = stages.time("verify", || run.verify(&recorded, &larger, &searched, &fitted, observe))?;
    fitted.quality.outside = fitted.accuracy.fitted_range.outside(&larger);
    let space = format!("all cells of at most {} vertices", job.space.max_vertices());
    let records = recorded::findings(space, &records, &recorded, job, classes);
    let header = run.header(started, stages.finished);
    let (scored, surrogates) = (searched.scored, fitted.quality);
    let report = Report { header, records, surrogates, scored, searches: searched.runs, verification };
    report.write_page(&job.out.join("report.html"))?;
    Ok(report)
}

/// Times the stages.
struct Stages<'a> {
    observe: Observe<'a>,
    finished: Vec<Stage>,
}

impl Stages<'_> {
    /// Adds a remark to the stage that was timed last.
    fn note(&mut self, remark: &str) {
        if let Some(stage) = self.finished.last_mut() {
            stage.name = format!("{}, {remark}", stage.name);
        }
    }

    fn time<T>(&mut self, name: &str, stage: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        (self.observe)(Event::Stage(name));
        let started = Instant::now();
        let result = stage()?;
        self.finished.push(Stage { name: name.to_owned(), wall: Seconds::from(started.elapsed()) });
        Ok(result)
    }
}

/// A job with everything resolved and its benchmark open.
struct Run<'a> {
    job: &'a Job,
    sources: recording::Sources,
    benchmark: Benchmark,
    search_space: Space,
    top: Epochs,
}

impl<'a> Run<'a> {
    fn prepare(job: &'a Job) -> Result<Self, Error> {
        let top = *job.protocol.budgets.last().expect("a protocol has budgets");
        let larger = (job.space.max_vertices() + 1).min(Space::nas_bench_101().max_vertices());
        let search_space = job.space.with_max_vertices(larger).expect("a limit within the space");
        job.device.check().map_err(train::Error::from)?;
        let sources = recording::Sources::prepare(&job.dataset, &job.protocol)?;
        occupy(&job.out)?;
        let benchmark = Benchmark::create_or_open(job.out.join("benchmark"), &sources.manifest(&job.space, job.seed))?;
        Ok(Self { job, sources, benchmark, search_space, top })
    }

    /// Retrains the most promising cells that are not recorded, the best recorded one and cells that need no surrogate; then the best of
    /// the winners once more.
    fn verify(
        &self,
        recorded: &[recorded::Measured],
        larger: &[Cell],
        searched: &Searched,
        fitted: &fitting::Fitted,
        observe: Observe<'_>,
    ) -> Result<Verification, Error> {
        let mut taken: Vec<ModuleHash> = recorded.iter().map(|measured| measured.hash).collect();
        let winners: Vec<_> =
            searched.ranking.iter().filter(|cell| !taken.contains(&cell.hash())).take(verify::WINNERS).copied().collect();
        let best = recorded.iter().filter(|measured| measured.row.validation.is_some());
        let best = best.max_by(|a, b| a.row.validation.partial_cmp(&b.row.validation).expect("accuracies are numbers"));
        taken.extend(winners.iter().map(Cell::hash));
        let unrecorded: Vec<_> =
            larger.iter().filter(|cell| cell.vertices() == self.search_space.max_vertices()).copied().collect();
        let controls = verify::controls(&unrecorded, &taken, self.job.seed);
        taken.extend(controls.iter().map(Cell::hash));
        let of_size = verify::controls_of_size(&winners, &unrecorded, &taken, self.job.seed);
        let best = best.map(|measured| measured.row.cell).into_iter().collect();
        let groups = [
            (Role::Winner, winners),
            (Role::BestRecorded, best),
            (Role::Largest, verify::largest(&unrecorded)),
            (Role::SameSize, of_size),
            (Role::Control, controls),
        ];
        let roles: Vec<_> =
            groups.into_iter().flat_map(|(role, cells)| cells.into_iter().map(move |cell| (role, cell))).collect();
        let cells: Vec<_> = roles.iter().map(|(_, cell)| *cell).collect();
        let predicted = fitted.predict(&cells)?;
        let candidates: Vec<_> =
            roles.into_iter().zip(predicted).map(|((role, cell), predicted)| Contender { role, cell, predicted }).collect();
        let compare = |records: &[Record]| verify::compare(&candidates, records, self.top, self.sources.skeleton.classes);
        let (records, _) = self.record(Part::Verified, &cells, &[self.top], verify::repeats(), observe)?;
        let Some(chosen) = verify::choose(&compare(&records)) else { return Ok(compare(&records)) };
        let (further, _) = self.record(Part::Verified, &[chosen], &[self.top], verify::further_repeats(), observe)?;
        Ok(compare(&[records, further].concat()))
    }

    fn header(&self, started: Timestamp, stages: Vec<Stage>) -> Header {
        let Manifest { dataset, .. } = self.benchmark.manifest();
        let protocol = self.sources.protocol.clone();
        Header {
            title: format!("Neural architecture search on {}, protocol {}", dataset.name, protocol.name),
            command: self.job.command.clone(),
            seed: self.job.seed,
            dataset: dataset.clone(),
            images: self.sources.data.dataset().sizes(),
            protocol,
            device: self.job.device,
            processor: processor(),
            cores: std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
            started,
            stages,
        }
    }
}

/// Creates the folder of a run. Returns an error if it holds anything but a run.
fn occupy(out: &Path) -> Result<(), Error> {
    if out.join("benchmark").join("benchmark.toml").exists() {
        return Ok(());
    }
    fs_err::create_dir_all(out)?;
    // A run that was cut before its benchmark was there leaves at most this folder.
    let is_foreign = |entry: std::io::Result<fs_err::DirEntry>| entry.map(|entry| entry.file_name() != "benchmark");
    for entry in fs_err::read_dir(out)? {
        if is_foreign(entry)? {
            return Err(Error::Occupied { folder: out.to_owned() });
        }
    }
    Ok(())
}

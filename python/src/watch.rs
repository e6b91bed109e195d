//! Work that takes long: without Python's lock, with its Ctrl-C, with progress, and in processes that were forked.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use nasbench::oracle::{self, Candidate, Interrupted, Measurement, Oracle};
use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{Kind, raised, said};

/// How often Ctrl-C is looked for.
const LOOK: Duration = Duration::from_millis(50);

/// The process that started the shared threads; 0 before there are any.
static OWNER: AtomicU32 = AtomicU32::new(0);
/// The threads of a process that was forked from that one, with its number: the shared ones are not there.
static FORKED: Mutex<Option<(u32, Arc<ThreadPool>)>> = Mutex::new(None);

/// Returns whether this process was forked from one that had started the shared threads.
pub(crate) fn is_forked() -> bool {
    let (own, owner) = (std::process::id(), OWNER.load(Ordering::Relaxed));
    owner != 0 && owner != own
}

/// Does work that may use many threads, without Python's lock.
pub(crate) fn detached<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> PyResult<T> {
    let pool = pool()?;
    Ok(py.detach(|| match pool {
        Some(pool) => pool.install(work),
        None => work(),
    }))
}

/// The threads to work with, if they are not the shared ones.
fn pool() -> PyResult<Option<Arc<ThreadPool>>> {
    let own = std::process::id();
    if OWNER.compare_exchange(0, own, Ordering::Relaxed, Ordering::Relaxed).unwrap_or_else(|owner| owner) == 0 || !is_forked() {
        return Ok(None);
    }
    let mut forked = FORKED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((process, pool)) = &*forked
        && *process == own
    {
        return Ok(Some(Arc::clone(pool)));
    }
    let pool = Arc::new(ThreadPoolBuilder::new().build().map_err(|error| raised(Kind::Benchmark, &error))?);
    // What the other process left cannot be ended here: its threads are not there.
    std::mem::forget(forked.replace((own, Arc::clone(&pool))));
    Ok(Some(pool))
}

/// Threads for one thing alone in a process that was forked; elsewhere there are the shared ones.
pub(crate) fn own_threads() -> PyResult<Option<ThreadPool>> {
    pool()?.map(|_| ThreadPoolBuilder::new().build().map_err(|error| raised(Kind::Search, &error))).transpose()
}

/// Watches work: whether it is to stop, and how far it is.
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    progress: Option<Py<PyAny>>,
    done: AtomicU64,
    /// What `progress` raised.
    raised: Mutex<Option<PyErr>>,
}

impl Watch {
    /// `progress` is called with what is done and what there is in all; True is a bar of `tqdm`, if that is installed.
    pub(crate) fn new(py: Python<'_>, progress: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let progress = match progress {
            None => None,
            Some(given) => {
                let reporter = py.import("nasbench._progress")?.getattr("reporter")?.call1((given,))?;
                (!reporter.is_none()).then(|| reporter.unbind())
            }
        };
        Ok(Self { stop: Arc::default(), progress, done: AtomicU64::new(0), raised: Mutex::new(None) })
    }

    /// The flag that ends the work.
    pub(crate) fn stop(&self) -> &Arc<AtomicBool> {
        &self.stop
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Tells that more is done, of what there is in all, which is 0 where nobody knows it.
    pub(crate) fn add(&self, more: u64, all: u64) {
        let done = self.done.fetch_add(more, Ordering::Relaxed) + more;
        self.tell(done, all);
    }

    /// Tells how much is done.
    pub(crate) fn tell(&self, done: u64, all: u64) {
        let Some(progress) = self.progress.as_ref().filter(|_| !self.is_stopped()) else { return };
        if let Err(exception) = Python::attach(|py| progress.call1(py, (done, all))) {
            self.end(exception);
        }
    }

    /// Ends the work with an exception, the first one.
    fn end(&self, exception: PyErr) {
        self.raised.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(exception);
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Does the work on this thread, where Python itself hears Ctrl-C: for work that is mostly Python's.
    pub(crate) fn run_here<T: Send>(&self, py: Python<'_>, work: impl FnOnce() -> T + Send) -> PyResult<T> {
        let done = detached(py, work)?;
        match self.raised.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(exception) => Err(exception),
            None => Ok(done),
        }
    }

    /// Does the work on another thread, while this one hears Ctrl-C: then the flag is set, and the exception is raised when the work has ended.
    pub(crate) fn run<T: Send>(&self, py: Python<'_>, work: impl FnOnce() -> T + Send) -> PyResult<T> {
        let pool = pool()?;
        let done = py.detach(|| {
            thread::scope(|scope| {
                let (ended, end) = channel::<()>();
                let working = scope.spawn(move || {
                    // It is dropped when the work ends, also by a panic.
                    let _ended = ended;
                    match pool {
                        Some(pool) => pool.install(work),
                        None => work(),
                    }
                });
                while end.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                    if let Err(exception) = Python::attach(|py| py.check_signals()) {
                        self.end(exception);
                    }
                }
                working.join()
            })
        });
        if let Some(exception) = self.raised.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(exception);
        }
        done.map_err(|panic| said(Kind::Nasbench, nasbench::engine::panic_text(panic.as_ref())))
    }
}

/// An oracle that ends a search when its watch says so, and tells how many cells were measured.
pub(crate) struct Watched<'a, O> {
    oracle: O,
    watch: &'a Watch,
    all: Option<u64>,
}

impl<'a, O: Oracle> Watched<'a, O> {
    /// `all` is the number of cells to measure; without it only the stop is watched.
    pub(crate) const fn new(oracle: O, watch: &'a Watch, all: Option<u64>) -> Self {
        Self { oracle, watch, all }
    }
}

impl<O: Oracle> Oracle for Watched<'_, O> {
    fn measure(&mut self, candidates: &[Candidate]) -> Result<Vec<Measurement>, oracle::Error> {
        if let Some(first) = candidates.first().filter(|_| self.watch.is_stopped()) {
            return Err(oracle::Error { cell: first.architecture, epochs: first.epochs, source: Box::new(Interrupted) });
        }
        let measured = self.oracle.measure(candidates)?;
        if let Some(all) = self.all {
            self.watch.add(candidates.len() as u64, all);
        }
        Ok(measured)
    }

    fn is_training(&self) -> bool {
        self.oracle.is_training()
    }
}

//! Regenerates, queries and searches tabular benchmarks of neural architecture search.
//!
//! Data flows one way, and so do the modules, each of which knows only those before it:
//!
//! ```text
//! space ──► network ──► train ──► table ──► record ──► surrogate ──► search ──► verify ──► report
//! (cells)   (plans)    (models)  (rows)    (shards)   (fits)       (trials)   (retrains)  (page)
//! ```
//!
//! The keystone is the [`Oracle`](oracle::Oracle): a table, a surrogate and real training all answer the same question, how
//! good a cell is at a budget. [`pipeline`] runs everything from end to end, as `nasbench run` does;
//! [`guide`] has chapters for users.
//!
//! # Example
//!
//! ```
//! use nasbench::network::{Plan, Skeleton};
//! use nasbench::space::Space;
//!
//! let space = Space::nas_bench_101().with_max_vertices(4)?;
//! let cells = space.cells()?;
//! assert_eq!(cells.len(), 91);
//! let plan = Plan::compile(&cells[90], &Skeleton::nas_bench_101())?;
//! println!("{} has {} parameters", cells[90].hash(), plan.cost().parameters);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Cargo features
//!
//! All but the last two are on by default; without any of them the library builds a third of the crates, and has the rest: spaces,
//! training on the processor, recording, tables, searches.
//!
//! | feature | for |
//! |---|---|
//! | `cli` | the program `nasbench` |
//! | `sql` | `interchange::sql`, through polars |
//! | `classic-ml` | the surrogates `random-forest`, `svr` and `ensemble`, the judge, what needs them: [`pipeline::run`], `screened-evolution` |
//! | `plots` | the plots of [`report`] |
//! | `burn` | the device `reference` |
//! | `gpu`, `cuda` | GPUs, through burn; with `gpu` also `engine::Stack`, many models at once |

#![cfg_attr(
    not(all(feature = "sql", feature = "classic-ml", feature = "plots", feature = "burn")),
    allow(dead_code, reason = "what a feature that is off would call")
)]

pub mod file;

pub mod frame;

pub mod front;

pub mod hex;

pub mod unit;

pub mod statistics;

pub mod space;

pub mod print;

pub mod oracle;

pub mod dataset;

pub mod network;

pub mod objective;

pub mod engine;

pub mod train;

pub mod table;

pub mod interchange;

pub mod record;

pub mod surrogate;

pub mod search;

pub mod verify;

pub mod compare;

pub mod analysis;

pub mod report;

pub mod pipeline;

pub mod guide;

//! The scripts that record a benchmark on a Slurm cluster: an array of jobs, one for each share, and a job that compacts.
//!
//! Source: the manual pages of `sbatch` and `scontrol`; tried with Slurm 22.05 by `scripts/check_slurm.sh`.

use std::fmt::Write as _;
use std::num::NonZeroU32;

use crate::print::quoted;

/// A recording on a cluster.
#[derive(Clone, Debug)]
pub struct Slurm {
    /// What the jobs are called.
    pub name: String,
    /// The command that records, without `--shard` and `--workers`: the program and its arguments.
    pub command: Vec<String>,
    /// The commands that run when every share is complete.
    pub after: Vec<Vec<String>>,
    /// The number of shares, each an array task.
    pub shards: NonZeroU32,
    /// The most tasks that run at a time; `None` for as many as the cluster gives.
    pub at_once: Option<NonZeroU32>,
    /// Processors of a task: the number of models that are trained at a time.
    pub processors: NonZeroU32,
    /// GPUs of a task.
    pub gpus: u32,
    /// The time limit of a task, as Slurm reads it; `None` for that of the partition.
    pub time: Option<String>,
    /// The folder of the logs.
    pub logs: String,
    /// More options of `sbatch`, as `--partition=gpu`.
    pub options: Vec<String>,
}

/// The seconds before its end at which a task is warned: time for a checkpoint of every model.
const SECONDS_BEFORE_THE_END: u32 = 120;

impl Slurm {
    /// Returns the script of the array.
    #[must_use]
    pub fn array(&self) -> String {
        let last = self.shards.get() - 1;
        let limit = self.at_once.map_or_else(String::new, |limit| format!("%{limit}"));
        let mut text = self.head("", "%A_%a");
        let mut option = |text_of: String| {
            let _ = writeln!(text, "#SBATCH {text_of}");
        };
        option(format!("--array=0-{last}{limit}"));
        option(format!("--cpus-per-task={}", self.processors));
        if self.gpus > 0 {
            option(format!("--gres=gpu:{}", self.gpus));
        }
        option(format!("--signal=B:TERM@{SECONDS_BEFORE_THE_END}"));
        if let Some(time) = &self.time {
            option(format!("--time={time}"));
        }
        for given in &self.options {
            option(quoted_option(given));
        }
        text.push_str(
            "\n# Whatever ends a task (a lost node, preemption, its time limit), the same task goes on where it was:\n\
             # by itself where Slurm requeues it, else when the array is submitted again.\n\
             # `exec`, so that the signal reaches the program; the number of shards is written out, because\n\
             # SLURM_ARRAY_TASK_COUNT counts the tasks that were submitted.\n",
        );
        let command = words(&self.command);
        let _ = writeln!(text, "exec {command} --workers {} --shard \"$SLURM_ARRAY_TASK_ID/{}\"", self.processors, self.shards);
        text
    }

    /// Returns the script of the job that runs when all of the array succeeded.
    #[must_use]
    pub fn compaction(&self) -> String {
        let mut text = self.head("-compact", "%j");
        for given in &self.options {
            let _ = writeln!(text, "#SBATCH {}", quoted_option(given));
        }
        text.push_str("\nset -e\n");
        for command in &self.after {
            let _ = writeln!(text, "{}", words(command));
        }
        text
    }

    fn head(&self, suffix: &str, log: &str) -> String {
        // In the name of a log `%` begins what Slurm fills in.
        let log = quoted(&format!("{}/{log}.log", self.logs.replace('%', "%%")));
        format!(
            "#!/bin/bash\n#SBATCH --job-name={}{suffix}\n#SBATCH --output={log}\n#SBATCH --open-mode=append\n#SBATCH --requeue\n",
            quoted(&self.name)
        )
    }
}

/// Returns the command that submits the script of an array. It prints the number of the job, and behind a `;` the cluster if there are
/// several.
#[must_use]
pub fn submission(array: &str) -> Vec<String> {
    ["sbatch", "--parsable", array].map(ToOwned::to_owned).to_vec()
}

/// Returns the command that submits the script of the compaction, to run when all tasks of the array `job` have succeeded. It waits on
/// if a task fails, because the array can be submitted again.
#[must_use]
pub fn submission_after(job: &str, compaction: &str) -> Vec<String> {
    let dependency = format!("--dependency=afterok:{job}");
    ["sbatch", "--parsable", &dependency, "--kill-on-invalid-dep=no", compaction].map(ToOwned::to_owned).to_vec()
}

/// Returns the lines of a shell script that submit both as [`submission`] and [`submission_after`] do.
#[must_use]
pub fn submission_script(array: &str, compaction: &str) -> String {
    // The placeholder is a word that `quoted` leaves as it is.
    let after = words(&submission_after("JOB", compaction)).replacen("afterok:JOB", "afterok:${job%%;*}", 1);
    format!("job=$({})\n{after}\n", words(&submission(array)))
}

/// Finds the most tasks that an array may have in what `scontrol show config` prints.
#[must_use]
pub fn most_array_tasks(config: &str) -> Option<u32> {
    let line = config.lines().find_map(|line| line.trim().strip_prefix("MaxArraySize"))?;
    line.trim().strip_prefix('=')?.trim().parse().ok()
}

/// The options of `sbatch` that the scripts have already, by their long and short names, with what decides them instead.
const SET_HERE: &[(&str, Option<char>, &str)] = &[
    ("array", Some('a'), "`--shards` and `--at-once`"),
    ("cpus-per-task", Some('c'), "`--cpus-per-task`"),
    ("dependency", Some('d'), "the order of the two jobs"),
    ("gres", None, "`--gpus-per-task`"),
    ("job-name", Some('J'), "the name of the benchmark"),
    ("no-requeue", None, "that a lost task goes on where it was"),
    ("open-mode", None, "that a requeued task appends to its log"),
    ("output", Some('o'), "`--scripts`, the folder of the logs"),
    ("parsable", None, "how the jobs are submitted"),
    ("requeue", None, "that a lost task goes on where it was"),
    ("signal", None, "that a task writes checkpoints before it ends"),
    ("time", Some('t'), "`--time`"),
];

/// Returns the long name of an option of `sbatch` that the scripts have already, as `array` for `--array=0-3`, `--arr 0-3` or `-a0-3`,
/// and what decides it; the later one would win and break the recording.
#[must_use]
pub fn set_by_scripts(option: &str) -> Option<(&'static str, &'static str)> {
    let is_it = |(long, short, _): &&(&str, Option<char>, &str)| match option.strip_prefix("--") {
        // Slurm takes the beginning of a name, too, if no other option begins so.
        Some(text) => {
            let name = text.split(|letter: char| letter == '=' || letter.is_whitespace()).next().unwrap_or_default();
            name.len() > 2 && long.starts_with(name)
        }
        None => short.is_some_and(|short| option.strip_prefix('-').is_some_and(|text| text.starts_with(short))),
    };
    SET_HERE.iter().find(is_it).map(|(long, _, decided_by)| (*long, *decided_by))
}

/// Returns an option of `sbatch` as it is read back from a script: `--comment=two words` is `--comment='two words'`. A value that has
/// quotes around it keeps them.
fn quoted_option(option: &str) -> String {
    let Some((end, separator)) = option.char_indices().find(|(_, letter)| *letter == '=' || letter.is_whitespace()) else {
        return option.to_owned();
    };
    let (name, value) = (&option[..end], option[end + separator.len_utf8()..].trim_start());
    let is_quoted = |quote: char| value.len() > 1 && value.starts_with(quote) && value.ends_with(quote);
    let value = if is_quoted('\'') || is_quoted('"') { value.to_owned() } else { quoted(value) };
    format!("{name}{separator}{value}")
}

fn words(command: &[String]) -> String {
    command.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slurm() -> Slurm {
        let command = |text: &str| text.split(' ').map(ToOwned::to_owned).collect::<Vec<_>>();
        Slurm {
            name: "my bench".to_owned(),
            command: command("/opt/nasbench record /data/bench --epochs 4,12"),
            after: vec![command("/opt/nasbench compact /data/bench"), command("/opt/nasbench check /data/bench")],
            shards: NonZeroU32::new(256).unwrap(),
            at_once: NonZeroU32::new(20),
            processors: NonZeroU32::new(4).unwrap(),
            gpus: 1,
            time: Some("12:00:00".to_owned()),
            logs: "/data/bench.logs".to_owned(),
            options: vec!["--partition=gpu".to_owned()],
        }
    }

    #[test]
    fn the_array_has_a_task_for_each_share_and_is_requeued() {
        let script = slurm().array();
        for line in [
            "#!/bin/bash",
            "#SBATCH --job-name='my bench'",
            "#SBATCH --array=0-255%20",
            "#SBATCH --requeue",
            "#SBATCH --open-mode=append",
            "#SBATCH --signal=B:TERM@120",
            "#SBATCH --gres=gpu:1",
            "#SBATCH --cpus-per-task=4",
            "#SBATCH --time=12:00:00",
            "#SBATCH --partition=gpu",
            "#SBATCH --output=/data/bench.logs/%A_%a.log",
            "exec /opt/nasbench record /data/bench --epochs 4,12 --workers 4 --shard \"$SLURM_ARRAY_TASK_ID/256\"",
        ] {
            assert!(script.lines().any(|found| found == line), "{line}\nis not in\n{script}");
        }
        let modest = Slurm { at_once: None, gpus: 0, time: None, options: Vec::new(), ..slurm() }.array();
        assert!(modest.contains("--array=0-255\n") && !modest.contains("gres") && !modest.contains("--time"), "{modest}");
    }

    #[test]
    fn options_stand_before_the_first_command() {
        for script in [slurm().array(), slurm().compaction()] {
            let lines: Vec<_> = script.lines().skip(1).collect();
            let first = lines.iter().position(|line| !line.starts_with("#SBATCH")).unwrap();
            assert!(lines[first..].iter().all(|line| !line.starts_with("#SBATCH")), "{script}");
        }
        assert!(slurm().compaction().ends_with("set -e\n/opt/nasbench compact /data/bench\n/opt/nasbench check /data/bench\n"));
    }

    #[test]
    fn a_percent_sign_in_the_folder_of_the_logs_is_no_replacement() {
        let script = Slurm { logs: "/data/50%j of/logs".to_owned(), ..slurm() };
        for (script, log) in [(script.array(), "%A_%a"), (script.compaction(), "%j")] {
            let line = format!("#SBATCH --output='/data/50%%j of/logs/{log}.log'");
            assert!(script.lines().any(|found| found == line), "{line}\nis not in\n{script}");
        }
    }

    #[test]
    fn the_value_of_an_option_is_one_word() {
        for (given, expected) in [
            ("--partition=gpu", "--partition=gpu"),
            ("--exclusive", "--exclusive"),
            ("-p gpu", "-p gpu"),
            ("--comment=two words", "--comment='two words'"),
            ("--comment=it's # 1", r"--comment='it'\''s # 1'"),
            ("--comment='two words'", "--comment='two words'"),
            ("--comment \"two words\"", "--comment \"two words\""),
            ("--constraint=a&b", "--constraint='a&b'"),
            ("--export=NIL,X=a b", "--export='NIL,X=a b'"),
            ("--comment=", "--comment=''"),
        ] {
            let script = Slurm { options: vec![given.to_owned()], ..slurm() };
            for script in [script.array(), script.compaction()] {
                assert!(script.lines().any(|line| line == format!("#SBATCH {expected}")), "{expected}\nis not in\n{script}");
            }
        }
    }

    #[test]
    fn options_that_the_scripts_have_are_known() {
        for (option, expected) in [
            ("--array=0-3", Some("array")),
            ("--array 0-3", Some("array")),
            ("--arr=0-3", Some("array")),
            ("-a0-3", Some("array")),
            ("-o log", Some("output")),
            ("--output=log", Some("output")),
            ("--no-requeue", Some("no-requeue")),
            ("-t 1:00", Some("time")),
            ("--time-min=1:00", None),
            ("--partition=gpu", None),
            ("-p gpu", None),
            ("--gres-flags=enforce-binding", None),
            ("--exclusive", None),
        ] {
            assert_eq!(set_by_scripts(option).map(|(name, _)| name), expected, "{option}");
        }
        // What the scripts have is listed above, and nothing else is.
        let script = Slurm { options: Vec::new(), ..slurm() }.array();
        for option in script.lines().filter_map(|line| line.strip_prefix("#SBATCH ")) {
            assert!(set_by_scripts(option).is_some(), "{option}");
        }
    }

    #[test]
    fn what_is_printed_submits_as_the_commands_do() {
        let script = submission_script("/my runs/record.sbatch", "/my runs/compact.sbatch");
        let expected = "job=$(sbatch --parsable '/my runs/record.sbatch')\n\
            sbatch --parsable --dependency=afterok:${job%%;*} --kill-on-invalid-dep=no '/my runs/compact.sbatch'\n";
        assert_eq!(script, expected);
        assert_eq!(submission("a").join(" "), "sbatch --parsable a");
        let after = "sbatch --parsable --dependency=afterok:7 --kill-on-invalid-dep=no b";
        assert_eq!(submission_after("7", "b").join(" "), after);
    }

    #[test]
    fn the_limit_of_arrays_is_read_from_the_configuration() {
        let config = "Configuration data as of 2024-01-02T03:04:05\nMailProg                = /bin/mail\n\
            MaxArraySize            = 1001\nMaxBatchRequeue         = 5\n";
        assert_eq!(most_array_tasks(config), Some(1_001));
        assert_eq!(most_array_tasks("MaxArraySize = none"), None);
        assert_eq!(most_array_tasks(""), None);
    }
}

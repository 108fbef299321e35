//! Commands on saved runs: `compare BEFORE AFTER` and `merge RUN RUN…`.
//!
//! It owns their options and the verdict of `--fail-on`.

use std::ffi::OsString;
use std::iter;
use std::path::PathBuf;

use super::read_run;
use crate::cli::{Command, OptionSpec, ParsedArgs, Program, UsageError, ValueCheck, quote, say, value};
use crate::client::options::file_name;
use crate::load::args::{parse_format, parse_seed, report_path};
use crate::load::compare::thresholds::Thresholds;
use crate::load::compare::{Comparison, compare};
use crate::load::error::LoadError;
use crate::load::output::ReportOutput;
use crate::load::report::ReportFormat;

/// Command on saved runs.
#[derive(Debug)]
pub struct SavedRunCommand {
    program: Program,
    /// Help text.
    pub help: &'static str,
    read: fn(&mut ParsedArgs) -> Result<SavedRunTask, String>,
}

const COMPARE: SavedRunCommand = SavedRunCommand {
    program: Program {
        name: "reactor-client compare",
        specs: &[
            OptionSpec::flag(None, "--allow-client-bound"),
            OptionSpec::value(None, "--fail-on", "'p99>+10%'"),
            OptionSpec::value(None, "--format", "json"),
            OptionSpec::action(Some('h'), "--help"),
            OptionSpec::value(None, "--out", "changes.json"),
            OptionSpec::value(None, "--seed", "1"),
            OptionSpec::action(Some('V'), "--version"),
        ],
        value_check: ValueCheck::Any,
    },
    help: include_str!("compare.txt"),
    read: read_compare,
};

const MERGE: SavedRunCommand = SavedRunCommand {
    program: Program {
        name: "reactor-client merge",
        specs: &[
            OptionSpec::flag(None, "--allow-client-bound"),
            OptionSpec::value(None, "--format", "json"),
            OptionSpec::action(Some('h'), "--help"),
            OptionSpec::value(None, "--out", "report.json"),
            OptionSpec::value(None, "--save", "both.run"),
            OptionSpec::action(Some('V'), "--version"),
        ],
        value_check: ValueCheck::Any,
    },
    help: include_str!("merge.txt"),
    read: read_merge,
};

/// Parsed command.
#[derive(Clone, Debug, PartialEq)]
pub enum SavedRunTask {
    /// Compares two runs.
    Compare {
        /// Before and after.
        files: [PathBuf; 2],
        /// `--fail-on` limits.
        thresholds: Option<Thresholds>,
        /// A client-bound run is no error.
        allows_invalid: bool,
        /// Bootstrap seed.
        seed: u64,
        /// Report format.
        format: ReportFormat,
        /// Report file, else standard output.
        out: Option<PathBuf>,
    },
    /// Merges runs.
    Merge {
        /// First file.
        first: PathBuf,
        /// Other files, at least one.
        others: Vec<PathBuf>,
        /// A client-bound run is no error.
        allows_invalid: bool,
        /// Report format.
        format: ReportFormat,
        /// Report file, else standard output.
        out: Option<PathBuf>,
        /// Merged run.
        save: Option<PathBuf>,
    },
}

impl SavedRunCommand {
    /// Command that the first argument names.
    pub fn from_args(args: &[OsString]) -> Option<&'static Self> {
        match args.first()?.to_str()? {
            "compare" => Some(&COMPARE),
            "merge" => Some(&MERGE),
            _ => None,
        }
    }

    /// Arguments exclude the program name.
    ///
    /// # Errors
    /// The invalid option or word.
    pub fn parse(&self, args: Vec<OsString>) -> Result<Command<SavedRunTask>, UsageError> {
        self.program.command(args, self.read)
    }
}

fn read_compare(parsed: &mut ParsedArgs) -> Result<SavedRunTask, String> {
    let thresholds = value(parsed, "--fail-on", Thresholds::parse)?;
    let seed = value(parsed, "--seed", parse_seed)?.unwrap_or_default();
    let format = value(parsed, "--format", parse_comparison_format)?.unwrap_or_default();
    let (out, allows_invalid) = (report_path(parsed)?, parsed.flag("--allow-client-bound"));
    match parsed.operands().as_slice() {
        [_, before, after] => {
            let files = [before.into(), after.into()];
            Ok(SavedRunTask::Compare { files, thresholds, allows_invalid, seed, format, out })
        }
        [_, _, _, extra, ..] => Err(format!("unexpected word {}: two runs are compared", quote(extra))),
        _ => Err("two files are needed: the earlier run and the later run".to_owned()),
    }
}

fn parse_comparison_format(text: &str) -> Result<ReportFormat, String> {
    match parse_format(text)? {
        format if format.supports_comparison() => Ok(format),
        _ => Err("the format of a comparison is text, json or csv".to_owned()),
    }
}

fn read_merge(parsed: &mut ParsedArgs) -> Result<SavedRunTask, String> {
    let format = value(parsed, "--format", parse_format)?.unwrap_or_default();
    let (out, save) = (report_path(parsed)?, file_name(parsed, "--save")?);
    let allows_invalid = parsed.flag("--allow-client-bound");
    match parsed.operands().as_slice() {
        [_, first, others @ ..] if !others.is_empty() => {
            let others = others.iter().map(PathBuf::from).collect();
            Ok(SavedRunTask::Merge { first: first.into(), others, allows_invalid, format, out, save })
        }
        _ => Err("two or more files are needed: the runs to merge".to_owned()),
    }
}

impl SavedRunTask {
    /// Runs and reports.
    ///
    /// # Errors
    /// A file error, runs that do not match, or a broken limit.
    pub fn run(&self) -> Result<(), LoadError> {
        match self {
            Self::Compare { files, thresholds, allows_invalid, seed, format, out } => {
                let [before, after] = files;
                let (before, after) = (read_run(before)?.summary(), read_run(after)?.summary());
                let comparison = compare(&before, &after, *seed);
                let out = ReportOutput::open(out.as_deref())?;
                files.iter().try_for_each(|file| out.check_not_same_file("a run", file))?;
                out.write(&format.render_comparison(&comparison))?;
                thresholds.as_ref().map_or(Ok(()), |it| check_thresholds(it, &comparison, *allows_invalid))
            }
            Self::Merge { first, others, allows_invalid, format, out, save } => {
                let mut sum = read_run(first)?;
                for other in others {
                    let apart = |error| LoadError::Failed(format!("cannot merge {}: {error}", quote(other)));
                    sum.merge(&read_run(other)?).map_err(apart)?;
                }
                let out = ReportOutput::open(out.as_deref())?;
                iter::once(first)
                    .chain(others)
                    .try_for_each(|file| out.check_not_same_file("a run", file))?;
                let save = out.open_save_file(save.as_deref())?;
                let summary = sum.summary();
                out.write(&format.render(&summary, None))?;
                save.map_or(Ok(()), |save| save.write(&sum.to_json()))?;
                (summary.validity.is_valid() || *allows_invalid).then_some(()).ok_or(LoadError::ClientBound)
            }
        }
    }
}

pub(crate) fn check_thresholds(
    thresholds: &Thresholds,
    comparison: &Comparison,
    allows_invalid: bool,
) -> Result<(), LoadError> {
    if !(allows_invalid || comparison.before.is_valid && comparison.after.is_valid) {
        return Err(LoadError::ClientBound);
    }
    for line in thresholds.open(comparison) {
        say(format_args!("{line}"));
    }
    match thresholds.judge(comparison) {
        fired if fired.is_empty() => Ok(()),
        fired => Err(LoadError::Regressed(fired)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::check_table;

    fn parse(line: &str) -> Result<SavedRunTask, String> {
        let args: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        let saved_command = SavedRunCommand::from_args(&args).expect("a command");
        match saved_command.parse(args) {
            Ok(Command::Run(order)) => Ok(*order),
            Ok(other) => panic!("{line}: {other:?}"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn compare_and_merge_parse_files_and_options() {
        let order = parse(
            "compare a.run b.run --fail-on p99>+10% --seed 3 --format csv --out c --allow-client-bound",
        );
        let (thresholds, files) = (Thresholds::parse("p99>+10%").ok(), ["a.run".into(), "b.run".into()]);
        let out = Some("c".into());
        let (format, allows_invalid) = (ReportFormat::Csv, true);
        let wanted = SavedRunTask::Compare { files, thresholds, allows_invalid, seed: 3, format, out };
        assert_eq!(order, Ok(wanted));
        let order = parse("merge a b c --format json --out - --save d");
        let (others, save) = (vec!["b".into(), "c".into()], Some("d".into()));
        let (first, format, allows_invalid) = ("a".into(), ReportFormat::Json, false);
        let wanted = SavedRunTask::Merge { first, others, allows_invalid, format, out: None, save };
        assert_eq!(order, Ok(wanted));
    }

    #[test]
    fn from_args_takes_the_command_from_first_word_only() {
        for line in [&[][..], &["GET", "merge"], &["merge:80"], &["/compare"], &["-s", "merge"]] {
            let args: Vec<OsString> = line.iter().map(OsString::from).collect();
            assert!(SavedRunCommand::from_args(&args).is_none(), "{line:?}");
        }
    }

    #[test]
    fn parse_error_is_one_line() {
        for (line, wanted) in [
            (
                "compare",
                "two files are needed: the earlier run and the later run; see reactor-client compare --help",
            ),
            (
                "compare a",
                "two files are needed: the earlier run and the later run; see reactor-client compare --help",
            ),
            (
                "compare a b c",
                "unexpected word 'c': two runs are compared; see reactor-client compare --help",
            ),
            ("merge a", "two or more files are needed: the runs to merge; see reactor-client merge --help"),
            (
                "merge a b --format x",
                "option '--format' with 'x': the format is text, json, csv, hdr or html; see reactor-client merge --help",
            ),
            (
                "compare a b --format hdr",
                "option '--format' with 'hdr': the format of a comparison is text, json or csv; see \
                 reactor-client compare --help",
            ),
        ] {
            assert_eq!(parse(line), Err(wanted.to_owned()), "{line}");
        }
    }

    #[test]
    fn help_names_every_option_and_its_examples_parse() {
        for saved_command in [COMPARE, MERGE] {
            check_table(&saved_command.program, saved_command.help);
            assert!(
                saved_command.help.is_ascii() && saved_command.help.lines().all(|line| line.len() <= 100)
            );
            let (_, examples) = saved_command.help.split_once("Examples\n").expect("examples");
            for line in examples.lines() {
                let (command, _) = line.trim().split_once("  ").expect("words about it");
                let (_, words) = command.split_once(' ').expect("a command");
                assert!(parse(&words.replace('\'', "")).is_ok(), "{command}");
            }
        }
    }
}

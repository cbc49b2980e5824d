//! `binnacle rules`: checks rule files and runs their unit tests, without a server and with promtool's words and exit codes;
//! and tries rules over what a server has stored.

use crate::client::{self, BacktestArgs};
use binnacle_alerting::rule::{Reading, duplicates, parse, unit_test};
use clap::{Args, Subcommand, ValueEnum};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Something is only suspicious, and that was to be fatal.
const EXIT_LINT: u8 = 3;

#[derive(Subcommand, Debug)]
pub enum RulesCommand {
    /// Check rule files and say everything that is wrong with them
    #[command(
        after_help = "Exit codes: 0 good, 1 wrong, 2 wrong usage, 3 suspicious and --lint-fatal."
    )]
    Check(CheckArgs),
    /// Run unit tests of rules, in the format of promtool's
    #[command(after_help = "Examples:\n  \
        binnacle rules test tests/*.yml\n  \
        binnacle rules test --run 'latency.*' alerts-test.yml\n\n\
        Exit codes: 0 all as expected, 1 something is not, 2 wrong usage.")]
    Test(TestArgs),
    /// Say which alerts rules would have raised and resolved over what a running server has stored
    #[command(after_help = "Examples:\n  \
        binnacle rules backtest --start -1day                      the rules in use\n  \
        binnacle rules backtest rules/new.yml --start -7days --group latency\n\n\
        All alerts begin inactive. Nothing is written and nobody is told.\n\
        Exit codes: 0 evaluated, 1 refused or a rule failed, 2 wrong usage.")]
    Backtest(BacktestArgs),
}

#[derive(Args, Debug)]
pub struct CheckArgs {
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// What to look for beside mistakes
    #[arg(long, value_enum, default_value_t = Lint::DuplicateRules)]
    lint: Lint,
    /// Exit with 3 when something is suspicious
    #[arg(long)]
    lint_fatal: bool,
    /// Pass over fields that nobody knows
    #[arg(long)]
    ignore_unknown_fields: bool,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum Lint {
    None,
    All,
    DuplicateRules,
}

#[derive(Args, Debug)]
pub struct TestArgs {
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Run only the tests whose name this regular expression matches
    #[arg(long, value_name = "REGEX", value_parser = unit_test::pattern)]
    run: Option<unit_test::Pattern>,
    /// Pass over fields that nobody knows
    #[arg(long)]
    ignore_unknown_fields: bool,
}

pub fn main(command: RulesCommand) -> ExitCode {
    match command {
        RulesCommand::Check(args) => check(&args),
        RulesCommand::Test(args) => test(&args),
        RulesCommand::Backtest(args) => client::backtest(&args),
    }
}

fn check(args: &CheckArgs) -> ExitCode {
    let (mut is_wrong, mut is_suspicious) = (false, false);
    for file in &args.files {
        println!("Checking {}", file.display());
        match read(file, args.ignore_unknown_fields) {
            Err(problems) => {
                is_wrong = true;
                eprintln!("  FAILED:\n{}", problems.join("\n"));
            }
            Ok(groups) => {
                let found = if args.lint == Lint::None { Vec::new() } else { duplicates(&groups) };
                if found.is_empty() {
                    let rules: usize = groups.iter().map(|group| group.rules.len()).sum();
                    println!("  SUCCESS: {rules} rules found");
                } else {
                    is_suspicious = true;
                    let all: Vec<String> = found.iter().map(ToString::to_string).collect();
                    eprintln!(
                        "  FAILED:\nlint error {} duplicate rule(s) found.\n{}\nMight cause inconsistency while recording expressions",
                        found.len(),
                        all.join("\n")
                    );
                }
            }
        }
        println!();
    }
    match (is_wrong, is_suspicious && args.lint_fatal) {
        (true, _) => ExitCode::FAILURE,
        (false, true) => ExitCode::from(EXIT_LINT),
        (false, false) => ExitCode::SUCCESS,
    }
}

fn read(
    file: &Path,
    ignore_unknown_fields: bool,
) -> Result<Vec<binnacle_alerting::rule::Group>, Vec<String>> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|error| vec![format!("{name}: {error}")])?;
    let parsed = parse(&name, &text, Reading { ignore_unknown_fields });
    parsed.map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

fn test(args: &TestArgs) -> ExitCode {
    let reading = Reading { ignore_unknown_fields: args.ignore_unknown_fields };
    let mut is_wrong = false;
    for file in &args.files {
        println!("Unit Testing:  {}", file.display());
        match unit_test::run_file(file, args.run.as_ref(), reading) {
            Ok(()) => println!("  SUCCESS"),
            Err(problems) => {
                is_wrong = true;
                eprintln!("  FAILED:\n{}", problems.join("\n\n"));
            }
        }
        println!();
    }
    if is_wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

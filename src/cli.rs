//! The command line: what can be asked of the binary, and how it answers a person.

use crate::config::{self, Config, Override, Problem};
use crate::demo::{self, Demo, DemoArgs};
use crate::{client, load, rules, run};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Exit code for a wrong command line or configuration, as clap's own.
const EXIT_USAGE: u8 = 2;

#[derive(Parser, Debug)]
#[command(
    name = "binnacle",
    version,
    about = "Traces, logs and metrics in one process: OpenTelemetry in, Parquet on disk, SQL out",
    long_about = "Binnacle receives OpenTelemetry traces, logs and metrics (OTLP over gRPC and HTTP), keeps them durably \
                  as Parquet files with an index, and answers by HTTP: SQL, whole traces with their logs, log search.",
    after_help = "Examples:\n  \
        binnacle serve                                      start with defaults, data in ./data\n  \
        binnacle demo                                       the same, with a shop to watch\n  \
        binnacle serve --data /var/lib/binnacle --set storage.retention=7days\n  \
        binnacle sql 'SELECT service, count(*) FROM spans GROUP BY 1'\n  \
        binnacle config print > binnacle.toml               every setting with its meaning\n  \
        binnacle config check --config binnacle.toml\n\n\
        Every setting is also an environment variable: storage.path is BINNACLE_STORAGE_PATH.",
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Receive, store and answer, all in this process
    #[command(
        after_help = "Listens on loopback only, unless addresses are given and --allow-anonymous is said.\n\
        OTLP/gRPC 127.0.0.1:4317, OTLP/HTTP 127.0.0.1:4318, API 127.0.0.1:7070.\n\
        SIGTERM or SIGINT stops it in order: no new requests, open ones finish, buffers go to segments.\n\
        A second signal stops it at once; nothing acknowledged is lost either way."
    )]
    Serve(ConfigArgs),
    /// Serve, and run a shop beside it that is worth watching, with SLOs, rules and faults on command
    #[command(after_help = demo::faults_help())]
    Demo {
        #[command(flatten)]
        config: ConfigArgs,
        #[command(flatten)]
        demo: DemoArgs,
    },
    /// Ask a running server a question in SQL
    #[command(after_help = "Examples:\n  \
        binnacle sql 'SELECT name, duration FROM spans ORDER BY duration DESC LIMIT 10'\n  \
        echo 'SELECT count(*) FROM logs' | binnacle sql --format csv\n  \
        binnacle sql \"SELECT * FROM spans WHERE attributes['http.route'] = '/cart'\"\n\n\
        Exit codes: 0 answered, 1 the query or the server failed, 2 wrong usage.")]
    Sql(client::SqlArgs),
    /// Print log records or spans as they arrive at a running server
    #[command(after_help = "Examples:\n  \
        binnacle tail\n  \
        binnacle tail logs 'timeout severity:>=warn service:checkout'\n  \
        binnacle tail spans '{ status = error && duration > 1s }'\n\n\
        Ends with Ctrl-C. Notices of what was left out go to standard error.")]
    Tail(client::TailArgs),
    /// Check rule files and run their unit tests; no server is needed
    Rules {
        #[command(subcommand)]
        command: rules::RulesCommand,
    },
    /// Check, store, list and explain SLOs, and go through time past with them
    #[command(after_help = "Examples:\n  \
        binnacle slo check checkout.yaml\n  \
        binnacle slo apply checkout.yaml\n  \
        binnacle slo explain checkout --start -6h\n  \
        binnacle slo backtest checkout.yaml --start -30d\n\n\
        Exit codes: 0 done, 1 refused or failed, 2 wrong usage.")]
    Slo(client::SloArgs),
    /// Decide by an SLO's events whether a candidate is as good as the baseline
    #[command(after_help = "Examples:\n  \
        binnacle gate checkout --candidate service.version:2.1 --wait 30m && promote\n  \
        binnacle gate checkout --candidate zone:canary --baseline zone:main --start 2026-03-01T10:00:00Z\n\n\
        A candidate that is not worse is rolled back with probability alpha at most, and one that is worse by the margin\n\
        is promoted with probability alpha at most, however often this is asked, as long as --start stays the same.\n\n\
        Exit codes: 0 promote, 3 roll back, 4 hold (not certain, or not in time), 1 no answer, 2 wrong usage.")]
    Gate(client::GateArgs),
    /// Send requests at a constant rate, in steps or ramps, and say how long they took
    #[command(after_help = load::HELP)]
    Load(Box<load::LoadArgs>),
    /// Show or check the configuration
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
}

#[derive(Subcommand, Debug)]
enum ConfigCommand {
    /// Print the whole effective configuration with comments, as a file to start from
    Print(ConfigArgs),
    /// Check the configuration and say everything that is wrong with it
    Check(ConfigArgs),
}

/// Where the configuration comes from. A flag beats the environment, which beats the file.
#[derive(Args, Debug, Default)]
struct ConfigArgs {
    /// Read settings from this TOML file
    #[arg(long, value_name = "FILE", env = "BINNACLE_CONFIG")]
    config: Option<PathBuf>,
    /// Keep the data in this directory [storage.path, default: data]
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// Where the API listens [api.address, default: 127.0.0.1:7070]
    #[arg(long, value_name = "ADDRESS")]
    api: Option<String>,
    /// Where OTLP over gRPC listens [collector.grpc_address, default: 127.0.0.1:4317]
    #[arg(long, value_name = "ADDRESS")]
    otlp_grpc: Option<String>,
    /// Where OTLP over HTTP listens [collector.http_address, default: 127.0.0.1:4318]
    #[arg(long, value_name = "ADDRESS")]
    otlp_http: Option<String>,
    /// Answer anyone, also on addresses that are not loopback [server.allow_anonymous]
    #[arg(long)]
    allow_anonymous: bool,
    /// error, warn, info, debug or trace [log.level, default: info]
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// How log lines are written [log.format, default: text]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<LogFormatArg>,
    /// Set any key: --set storage.flush_interval=10s (see `binnacle config print`); may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
}

#[derive(ValueEnum, Debug, Clone, Copy)]
enum LogFormatArg {
    Text,
    Json,
}

impl ConfigArgs {
    fn overrides(&self) -> Result<Vec<Override>, Problem> {
        let format = self.log_format.map(|format| match format {
            LogFormatArg::Text => "text".to_owned(),
            LogFormatArg::Json => "json".to_owned(),
        });
        let anonymous = self.allow_anonymous.then(|| "true".to_owned());
        let named = [
            ("--data", "storage.path", &self.data),
            ("--api", "api.address", &self.api),
            ("--otlp-grpc", "collector.grpc_address", &self.otlp_grpc),
            ("--otlp-http", "collector.http_address", &self.otlp_http),
            ("--allow-anonymous", "server.allow_anonymous", &anonymous),
            ("--log-level", "log.level", &self.log_level),
            ("--log-format", "log.format", &format),
        ];
        let mut overrides = Vec::new();
        for set in &self.sets {
            let Some((key, text)) = set.split_once('=') else {
                let message = format!("'{set}' is not of the form section.key=value");
                return Err(Problem { place: "--set".to_owned(), message });
            };
            overrides.push(Override {
                place: format!("--set {key}"),
                key: key.trim().to_owned(),
                text: text.to_owned(),
            });
        }
        for (flag, key, text) in named {
            if let Some(text) = text {
                let (place, key, text) = (flag.to_owned(), key.to_owned(), text.clone());
                overrides.push(Override { place, key, text });
            }
        }
        Ok(overrides)
    }

    /// The checked configuration, or everything that is wrong with it.
    fn load(&self) -> Result<Config, Vec<Problem>> {
        let overrides = self.overrides().map_err(|problem| vec![problem])?;
        let config = config::load(self.config.as_deref(), environment(), &overrides)?;
        let problems = config::check(&config);
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }
}

/// Variables that are text; others cannot be settings.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
}

/// Runs what the command line asks for.
pub fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(args) => with_config(&args, |config| exit_code(run::run(config, None))),
        Command::Demo { config, demo } => with_config(&config, |mut config| {
            let prepared = Demo::prepare(demo, &mut config);
            exit_code(prepared.and_then(|demo| run::run(config, Some(demo))))
        }),
        Command::Sql(args) => client::sql(args),
        Command::Tail(args) => client::tail(args),
        Command::Rules { command } => rules::main(command),
        Command::Slo(args) => client::slo(&args),
        Command::Gate(args) => client::gate(&args),
        Command::Load(args) => load::load(&args),
        Command::Config { command: ConfigCommand::Print(args) } => with_config(&args, |config| {
            // A reader that went away (`| head`) is no failure.
            let _ = std::io::stdout().write_all(config::print(&config).as_bytes());
            ExitCode::SUCCESS
        }),
        Command::Config { command: ConfigCommand::Check(args) } => with_config(&args, |_| {
            let _ = writeln!(std::io::stdout(), "the configuration is good");
            ExitCode::SUCCESS
        }),
    }
}

fn exit_code(ended: anyhow::Result<()>) -> ExitCode {
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("binnacle: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn with_config(args: &ConfigArgs, then: impl FnOnce(Config) -> ExitCode) -> ExitCode {
    match args.load() {
        Ok(config) => then(config),
        Err(problems) => {
            for problem in &problems {
                eprintln!("binnacle: {problem}");
            }
            ExitCode::from(EXIT_USAGE)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_become_settings() {
        let args = ConfigArgs {
            data: Some("/x".to_owned()),
            allow_anonymous: true,
            sets: vec!["storage.flush_interval=7s".to_owned()],
            ..ConfigArgs::default()
        };
        let config = config::load(None, std::iter::empty(), &args.overrides().unwrap()).unwrap();
        assert_eq!(config.storage.path.to_str(), Some("/x"));
        assert_eq!(config.storage.flush_interval.as_secs(), 7);
        assert!(config.server.allow_anonymous);
    }

    #[test]
    fn a_set_without_a_value_is_refused() {
        let args = ConfigArgs { sets: vec!["storage.path".to_owned()], ..ConfigArgs::default() };
        assert!(args.overrides().is_err());
    }
}

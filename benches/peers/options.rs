//! What the benchmark is asked to do: a measurement, or to be a part of one in a process of its own.
//!
//! It owns the options and what they are if they are not given. It measures nothing.

use std::ffi::OsString;
use std::num::NonZero;
use std::time::Duration;

use pico_args::Arguments;

use crate::generators::round::Load;
use crate::servers::{floor, guard};

/// Enough for a median that one disturbed round does not move.
const ROUNDS_DEFAULT: usize = 5;
/// Enough for some 100,000 requests a round, and for the scheduler's clock to be exact to a few thousandths.
const SECONDS_DEFAULT: f64 = 2.0;
/// With `--quick`: enough to see that all works, and which way it goes.
const ROUNDS_QUICK: usize = 3;
const SECONDS_QUICK: f64 = 0.2;
/// One that waits for each answer, a load as of many users, and half as many as
/// one batch of events holds.
const CONNECTIONS_DEFAULT: &str = "1,64,512";

/// What is to be measured.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) rounds: usize,
    pub(crate) round_lasts: Duration,
    /// Of load generators: with so many each.
    pub(crate) connections: Vec<usize>,
    /// Smaller in everything.
    pub(crate) is_quick: bool,
    /// Of servers: only rows and peers with one of these in their name, in lower case.
    pub(crate) only: Vec<String>,
    /// Of servers: the congestion controls under which the large file is sent, in place of the one in force.
    pub(crate) congestion: Vec<String>,
    /// Of servers: what puts the load on.
    pub(crate) load: Option<String>,
}

/// What the process is for.
#[derive(Debug)]
pub(crate) enum Wish {
    /// It was started as a test: there is nothing to be tested.
    Nothing,
    /// To be the floor among load generators: see [`crate::generators::floor`].
    Floor(Load),
    /// To be the floor among servers: see [`crate::servers::floor`].
    FloorServer(Vec<OsString>),
    /// To become a server: see [`crate::servers::guard`].
    Guard(Vec<OsString>),
    MeasureGenerators(Options),
    MeasureServers(Options),
}

/// Reads the arguments, without the program's name. `cargo bench` adds `--bench`.
pub(crate) fn read(mut words: Vec<OsString>) -> Result<Wish, String> {
    let first = words.first().and_then(|word| word.to_str()).unwrap_or_default();
    if first == guard::OPTION || first == floor::OPTION {
        let is_guard = first == guard::OPTION;
        let rest = words.split_off(1);
        return Ok(if is_guard { Wish::Guard(rest) } else { Wish::FloorServer(rest) });
    }
    let mut args = Arguments::from_vec(words);
    let wish = if args.contains("--floor") {
        Wish::Floor(Load {
            address: value(&mut args, "--address")?.ok_or("the floor needs an address")?,
            connections: value(&mut args, "--connections")?.ok_or("the floor needs connections")?,
            is_tls: false,
            lasts: seconds(&mut args, SECONDS_DEFAULT)?,
        })
    } else if args.contains("--bench") {
        let options = options(&mut args)?;
        match args.subcommand().map_err(|error| error.to_string())?.as_deref() {
            None | Some("servers") => Wish::MeasureServers(options),
            Some("generators") => Wish::MeasureGenerators(options),
            Some(word) => {
                return Err(format!("there is no {word} to measure; there are servers and generators"));
            }
        }
    } else {
        return Ok(Wish::Nothing);
    };
    match args.finish().first() {
        None => Ok(wish),
        Some(word) => Err(format!(
            "there is no {}; there are --quick, --rounds N, --seconds S, for servers --only NAME, \
             --congestion NAME,NAME and --load wrk|reactor-client, for generators --connections N,N",
            word.to_string_lossy()
        )),
    }
}

fn options(args: &mut Arguments) -> Result<Options, String> {
    let is_quick = args.contains("--quick");
    let (rounds, seconds_default) =
        if is_quick { (ROUNDS_QUICK, SECONDS_QUICK) } else { (ROUNDS_DEFAULT, SECONDS_DEFAULT) };
    let only: Vec<String> = args.values_from_str("--only").map_err(|error| error.to_string())?;
    let congestion: Option<String> = value(args, "--congestion")?;
    Ok(Options {
        rounds: value(args, "--rounds")?.map_or(rounds, NonZero::get),
        round_lasts: seconds(args, seconds_default)?,
        connections: connections(args)?,
        is_quick,
        only: only.iter().map(|name| name.to_lowercase()).collect(),
        congestion: congestion.iter().flat_map(|list| list.split(',')).map(str::to_owned).collect(),
        load: value(args, "--load")?,
    })
}

fn value<T: std::str::FromStr<Err: std::fmt::Display>>(
    args: &mut Arguments,
    name: &'static str,
) -> Result<Option<T>, String> {
    args.opt_value_from_str(name).map_err(|error| format!("{name}: {error}"))
}

fn seconds(args: &mut Arguments, default: f64) -> Result<Duration, String> {
    let seconds = value(args, "--seconds")?.unwrap_or(default);
    match Duration::try_from_secs_f64(seconds) {
        Ok(lasts) if !lasts.is_zero() => Ok(lasts),
        _ => Err("--seconds: a round lasts some time, such as 0.5".to_owned()),
    }
}

fn connections(args: &mut Arguments) -> Result<Vec<usize>, String> {
    let list: String = value(args, "--connections")?.unwrap_or_else(|| CONNECTIONS_DEFAULT.to_owned());
    let counts: Result<Vec<usize>, _> = list.split(',').map(str::parse).collect();
    match counts {
        Ok(counts) if !counts.contains(&0) => Ok(counts),
        _ => Err("--connections: whole numbers above 0, such as 1,64".to_owned()),
    }
}

//! What the benchmark is asked to do: a measurement, or to be the floor in a process of its own.
//!
//! It owns the options and what they are if they are not given. It measures nothing.

use std::ffi::OsString;
use std::num::NonZero;
use std::time::Duration;

use pico_args::Arguments;

use crate::generators::round::Load;

/// Enough for a median that one disturbed round does not move.
const ROUNDS_DEFAULT: usize = 5;
/// Enough for some 100,000 requests a round, and for the scheduler's clock to be exact to a few thousandths.
const SECONDS_DEFAULT: f64 = 2.0;
/// One that waits for each answer, a load as of many users, and half as many as
/// one batch of events holds.
const CONNECTIONS_DEFAULT: &str = "1,64,512";

/// What is to be measured.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) rounds: usize,
    pub(crate) round_lasts: Duration,
    pub(crate) connections: Vec<usize>,
}

/// What the process is for.
#[derive(Debug)]
pub(crate) enum Wish {
    /// It was started as a test: there is nothing to be tested.
    Nothing,
    /// To be the floor: see [`crate::generators::floor`].
    Floor(Load),
    /// To measure.
    Measure(Options),
}

/// Reads the arguments, without the program's name. `cargo bench` adds `--bench`.
pub(crate) fn read(args: Vec<OsString>) -> Result<Wish, String> {
    let mut args = Arguments::from_vec(args);
    let wish = if args.contains("--floor") {
        Wish::Floor(Load {
            address: value(&mut args, "--address")?.ok_or("the floor needs an address")?,
            connections: value(&mut args, "--connections")?.ok_or("the floor needs connections")?,
            lasts: seconds(&mut args)?,
        })
    } else if args.contains("--bench") {
        Wish::Measure(Options {
            rounds: value(&mut args, "--rounds")?.map_or(ROUNDS_DEFAULT, NonZero::get),
            round_lasts: seconds(&mut args)?,
            connections: connections(&mut args)?,
        })
    } else {
        return Ok(Wish::Nothing);
    };
    match args.finish().first() {
        None => Ok(wish),
        Some(word) => Err(format!(
            "there is no {}; there are --rounds N, --seconds S and --connections N,N",
            word.to_string_lossy()
        )),
    }
}

fn value<T: std::str::FromStr<Err: std::fmt::Display>>(
    args: &mut Arguments,
    name: &'static str,
) -> Result<Option<T>, String> {
    args.opt_value_from_str(name).map_err(|error| format!("{name}: {error}"))
}

fn seconds(args: &mut Arguments) -> Result<Duration, String> {
    let seconds = value(args, "--seconds")?.unwrap_or(SECONDS_DEFAULT);
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

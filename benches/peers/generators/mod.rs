//! Load generators side by side: what a request costs each of them, in processor time.
//!
//! All are run against one server that parses nothing, in interleaved rounds, each on a core of its own.
//! The floor among them writes and reads and does nothing else: the ratio to it is what checking,
//! counting and timing cost.

pub(crate) mod floor;
mod generator;
pub(crate) mod round;
mod table;

use std::io;

use crate::cores::{self, Cores};
use crate::options::Options;
use crate::responder::Responder;
use generator::Generator;
use round::{Load, Sample};
use table::Table;

/// Runs all rounds, and prints a table for each number of connections as soon as it is whole.
pub(crate) fn measure(options: &Options) -> Result<(), String> {
    let cores = Cores::choose().map_err(|error| error.to_string())?;
    if cores.generator == cores.server {
        eprintln!("peers: there is one core only: generator and server share it");
    }
    let generators = generators();
    // What is started from here on inherits the core; this thread sleeps meanwhile.
    cores::pin(cores.generator).map_err(|error| error.to_string())?;
    let kinds = if cfg!(feature = "tls") { &[false, true][..] } else { &[false] };
    for &is_tls in kinds {
        let responder = start(cores.server, is_tls)?;
        let able: Vec<_> = generators.iter().copied().filter(|one| !is_tls || one.has_tls()).collect();
        for &connections in &options.connections {
            let load = Load { address: responder.address(), connections, is_tls, lasts: options.round_lasts };
            let table = rounds(&able, &responder, &load, options.rounds)?;
            println!(
                "{}Connections: {connections}; rounds: {} of {:?} each.\n",
                if is_tls { "Over TLS 1.3. " } else { "" },
                options.rounds,
                options.round_lasts
            );
            println!("{table}");
        }
        responder.stop().map_err(|error: io::Error| error.to_string())?;
    }
    Ok(())
}

/// The responder on this core.
fn start(core: usize, is_tls: bool) -> Result<Responder, String> {
    #[cfg(feature = "tls")]
    if is_tls {
        use reactor_http::net::Stream;
        use reactor_http::net::tls::{TlsAcceptor, TlsAcceptorConfig, self_signed};
        let since = std::time::UNIX_EPOCH.elapsed().map_err(|error| error.to_string())?;
        let (chain, key) = self_signed::generate(&["localhost".to_owned()], since.as_secs())?;
        let pairs = vec![(chain.into_bytes(), key.into_bytes())];
        let acceptor = TlsAcceptor::new(&TlsAcceptorConfig { pairs, client_ca: None }, b"");
        let acceptor = acceptor.map_err(|error| format!("{error:?}"))?;
        return Responder::start(core, move |socket| {
            acceptor.accept(socket).map(|stream| Stream::Tls(Box::new(stream)))
        })
        .map_err(|error| error.to_string());
    }
    let _ = is_tls;
    Responder::start(core, |socket| Some(socket.into())).map_err(|error| error.to_string())
}

/// Those that are there; of each of the others it is said that it is not.
fn generators() -> Vec<Generator> {
    let (found, missing): (Vec<_>, Vec<_>) = Generator::ALL.into_iter().partition(|one| one.is_there());
    for generator in missing {
        eprintln!("peers: {} is not on PATH and is left out", generator.name());
    }
    found
}

/// One that takes part, with what came of its rounds so far.
struct Contender {
    generator: Generator,
    samples: Vec<Sample>,
    /// A round of it has failed.
    is_out: bool,
}

/// Each generator once a round, beginning with another one each time: what changes on the machine in the
/// meantime is spread over all of them. One that fails is left out; without the first two there is nothing
/// to compare with.
fn rounds(
    generators: &[Generator],
    responder: &Responder,
    load: &Load,
    count: usize,
) -> Result<Table, String> {
    let contender = |generator: &Generator| Contender {
        generator: *generator,
        samples: Vec::with_capacity(count),
        is_out: false,
    };
    let mut contenders: Vec<Contender> = generators.iter().map(contender).collect();
    for round in 0..count {
        contenders.rotate_left(usize::from(round > 0));
        for Contender { generator, samples, is_out } in contenders.iter_mut().filter(|one| !one.is_out) {
            match round::run(*generator, responder, load) {
                Ok(sample) => samples.push(sample),
                Err(error) if generator.is_measure() => return Err(format!("{}: {error}", generator.name())),
                Err(error) => {
                    eprintln!("peers: {} is left out here: {error}", generator.name());
                    *is_out = true;
                }
            }
        }
    }
    contenders.retain(|one| !one.is_out);
    contenders.sort_by_key(|one| one.generator);
    Ok(Table::new(&contenders.into_iter().map(|one| (one.generator, one.samples)).collect::<Vec<_>>()))
}

//! Servers side by side: what a request costs each of them, in processor time.
//!
//! Each has one core, and the load another. The floor among them reads and writes and does nothing else: the
//! ratio to it is what a server's own work costs. What a server must do for a row is checked before it is
//! measured, and what is missing or does something else has a line that says so.

mod bench;
mod congestion;
mod exchange;
pub(crate) mod floor;
mod goal;
mod growth;
pub(crate) mod guard;
mod idle;
mod instructions;
mod load;
mod log;
mod memory;
mod process;
mod rows;
mod server;
mod settings;
mod site;
mod stream;
mod table;
mod tool;
mod workers;

use std::fs;

use crate::options::Options;
use bench::Bench;
use server::Server;

/// Measures all that is asked for, and prints each table as soon as it is whole.
pub(crate) fn measure(options: &Options) -> Result<(), String> {
    // Ten thousand connections, on both sides.
    let _ = reactor_http::net::raise_nofile_limit();
    let bench = Bench::new(options)?;
    if bench.cores.generator == bench.cores.server {
        eprintln!("peers: there is one core only: load and server share it");
    }
    head(&bench);
    let summary = rows::measure(&bench, &options.congestion)?;
    log::measure(&bench)?;
    growth::measure(&bench)?;
    memory::measure(&bench, false)?;
    memory::measure(&bench, true)?;
    workers::measure(&bench)?;
    instructions::measure(&bench)?;
    if let Some(summary) = summary {
        println!("### All rows\n\n{summary}");
    }
    Ok(())
}

/// What is measured, with what and where.
fn head(bench: &Bench) {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let versions: Vec<String> = Server::listed().iter().filter_map(|server| server.version()).collect();
    let missing: Vec<&str> =
        Server::listed().iter().filter(|server| !server.is_there()).map(|server| server.name()).collect();
    println!(
        "- Machine: {} cores, {}; Linux {}; TCP congestion control {}.",
        bench.all_cores.len(),
        cpu.map_or("of an unknown kind", |(_, model)| model),
        kernel.trim(),
        congestion::in_force().unwrap_or_else(|error| format!("unknown ({error})"))
    );
    println!(
        "- Programs: reactor-server {}, {}{}{}.",
        env!("CARGO_PKG_VERSION"),
        versions.join(", "),
        if missing.is_empty() { "" } else { "; not installed: " },
        missing.join(", ")
    );
    println!(
        "- The load comes from {}; servers on core {}, load on core {}; {} rounds of {:?} each.\n",
        bench.tool.name(),
        bench.cores.server,
        bench.cores.generator,
        bench.rounds,
        bench.round_lasts
    );
}

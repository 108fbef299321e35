//! Connections that have asked once and then say nothing.
//!
//! They are sockets of this process, without a thread or a timer, so that they use nothing while others are
//! measured.

use std::io;
use std::net::SocketAddr;

use super::exchange::Client;
use super::load::Load;
use super::stream::BlockingStream;

/// Those that are opened together before the first answer is waited for.
const BATCH: usize = 64;

/// Some that are held open.
#[derive(Default)]
pub(crate) struct Idle(Vec<BlockingStream>);

impl Idle {
    /// Opens more until there are so many; each asks once and gets its answer.
    pub(crate) fn grow_to(&mut self, count: usize, address: SocketAddr, load: &Load) -> io::Result<()> {
        let request = load.request(address, 0);
        while self.0.len() < count {
            let mut clients = Vec::with_capacity(BATCH);
            for _ in self.0.len()..count.min(self.0.len() + BATCH) {
                let mut client = Client::connect(address, load)?;
                client.send(&request)?;
                clients.push(client);
            }
            for mut client in clients {
                client.receive()?;
                self.0.push(client.into_stream());
            }
        }
        Ok(())
    }
}

impl Drop for Idle {
    /// Closed without a rest (RST), or the ports would be taken for a minute.
    fn drop(&mut self) {
        self.0.iter_mut().for_each(BlockingStream::reset_on_close);
    }
}

//! Throughput of the server and the client together.

fn main() {}

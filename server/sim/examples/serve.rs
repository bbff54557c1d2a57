//! Serves a simulated board until it is killed: `cargo run -p fbuild-sim --example serve --
//! 'sim:board.bin?chip=esp32c3' [127.0.0.1:PORT]`. Prints the pty's path, or the TCP address.
#![allow(clippy::print_stdout, reason = "the path is this program's output")]

use std::error::Error;
use std::path::Path;

use fbuild_sim::port::{Model, SimPort};
use fbuild_sim::serve;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "sim:".to_owned());
    let port = SimPort::parse(&name, Path::new("."))?;
    let Model::Esp(builder) = port.model() else {
        return Err("`fbuild-lsp sim` serves AVR boards".into());
    };
    let board = builder.lines(false).start_in_download_mode().build()?;
    let server = match arguments.next() {
        Some(address) => serve::tcp(board, address)?,
        #[cfg(unix)]
        None => serve::pty(board, serve::PtyOptions::default())?,
        #[cfg(not(unix))]
        None => return Err("give a TCP address: there are no ptys on this system".into()),
    };
    println!("{}", server.address());
    server.wait()?;
    Ok(())
}

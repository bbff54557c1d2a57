//! tower-lsp, and what it would get wrong. Nothing outside of this folder names it.
//!
//! [`backend`] takes requests as it hands them over, [`client`] is the way out, [`gate`] what every
//! message passes first, [`newer`] what its answers lack, [`input`] and [`output`] the two ends of the pipe as it needs
//! to see them.

pub(super) mod backend;
pub(super) mod client;
mod frames;
pub(super) mod gate;
mod input;
mod newer;
mod output;

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tower_lsp::{LspService, Server};

use self::backend::Backend;
use self::client::Client;
use self::gate::Gate;
use self::input::Input;
use self::output::Output;
use super::desk::Desk;
use super::ending::Ending;

/// Messages of the client that may be under way at once. tower-lsp's default of 4 makes a cancel
/// wait behind four running deploys, and deadlocks when four handlers wait for the client.
const CONCURRENT_MESSAGES: usize = 1024;

/// A desk for one client, and the future that serves it until its input or output ends.
pub(super) fn serve<I, O, D>(
    input: I,
    output: O,
    ending: &Ending,
    desk: D,
) -> (Arc<Desk>, impl Future<Output = ()> + Send + use<I, O, D>)
where
    I: AsyncRead + Unpin + Send + 'static,
    O: AsyncWrite + Send + 'static,
    D: FnOnce(Client) -> Desk,
{
    let (gate, desk, socket) = service(desk);
    let input = Input::new(input, ending.clone());
    let output = Output::new(output, ending.clone());
    let server = Server::new(input, output, socket).concurrency_level(CONCURRENT_MESSAGES);
    (desk, server.serve(gate))
}

/// The service without a transport.
pub(super) fn service(
    desk: impl FnOnce(Client) -> Desk,
) -> (
    Gate<LspService<Backend>>,
    Arc<Desk>,
    tower_lsp::ClientSocket,
) {
    let mut made = None;
    let (service, socket) = LspService::build(|client| {
        let desk = made.insert(Arc::new(desk(client.into())));
        Backend::new(desk.clone())
    })
    .custom_method("window/workDoneProgress/cancel", Backend::cancel_progress)
    .custom_method("workspace/textDocumentContent", Backend::text)
    .finish();
    let desk = made.unwrap_or_else(|| unreachable!("`build` calls what it is given"));
    (Gate::new(service, desk.clone()), desk, socket)
}

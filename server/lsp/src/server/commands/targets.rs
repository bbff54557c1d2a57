//! `fbuild.server.targets`: what can be deployed.

use super::{Answer, Call, blocking, to_value};
use crate::server::choosing::Choosing;

pub(super) async fn targets(choosing: Choosing, mut call: Call<'_>) -> Answer {
    let roots = call.roots().await?;
    to_value(blocking(move || choosing.list_targets(&roots)).await?)
}

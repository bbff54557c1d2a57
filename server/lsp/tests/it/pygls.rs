//! A client that nobody here wrote: pygls 2.1.1 from PyPI drives the server over stdio, with every
//! message typed and checked by lsprotocol. `pygls/client.py` is the conversation.

use crate::{project, python};

#[test]
fn an_independent_client_deploys_erases_and_cancels() {
    let Some(python) = python::with("pygls", "2.1.1") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let app = project::app_image(&project::body(40_000, 1));
    project::write(folder.path(), &app);
    let large = folder.path().join("large");
    std::fs::create_dir(&large).unwrap();
    project::write(&large, &project::app_image(&project::body(1_000_000, 2)));
    python::conversation(&python, "tests/it/pygls/client.py", folder.path(), &[]);
    // Read without any of their code or ours.
    let flash = std::fs::read(folder.path().join("board.bin")).unwrap();
    assert!(flash[project::APP_OFFSET..].starts_with(&app));
    assert!(
        flash[..project::APP_OFFSET]
            .iter()
            .all(|byte| *byte == 0xFF)
    );
}

//! Where an assertion failed, by its text.

use crate::fixtures::watch;
use crate::forms::{BACKTRACE, same};

/// Signatures, paths and expressions have spaces, brackets and colons in them.
#[test]
fn where_an_assertion_failed() {
    for (place, file, function) in [
        ("app_main main.c", "main.c", Some("app_main")),
        (
            "app_main my files/main.c",
            "my files/main.c",
            Some("app_main"),
        ),
        (
            "void Motor::onStop(void (*)(int)) motor.cpp",
            "motor.cpp",
            Some("void Motor::onStop(void (*)(int))"),
        ),
        (
            "app_main C:/Program Files (x86)/proj/main/main.c",
            "C:/Program Files (x86)/proj/main/main.c",
            Some("app_main"),
        ),
        (
            "app_main C:\\my files\\main.c",
            "C:\\my files\\main.c",
            Some("app_main"),
        ),
        (
            "static int Pool<T, N>::take() [with T = unsigned char; int N = 4] /home/me/my files (2)/pool.hpp",
            "/home/me/my files (2)/pool.hpp",
            Some("static int Pool<T, N>::take() [with T = unsigned char; int N = 4]"),
        ),
        (
            "setup()::<lambda(int (*)())> main.cpp",
            "main.cpp",
            Some("setup()::<lambda(int (*)())>"),
        ),
        (
            "auto setup()::(lambda at /home/me/main.cpp:7:3)::operator()() const ./main/main.cpp",
            "./main/main.cpp",
            Some("auto setup()::(lambda at /home/me/main.cpp:7:3)::operator()() const"),
        ),
        (
            "bool drive::Motor::is_on(int) const src/motor.cpp",
            "src/motor.cpp",
            Some("bool drive::Motor::is_on(int) const"),
        ),
        ("\u{8} main.c", "main.c", None),
        ("main.c", "main.c", None),
    ] {
        for expression in ["cb != nullptr", "f(a) == (b) && \"x:3 (\"", "x"] {
            let text = format!("assert failed: {place}:12 ({expression})\r\n\r\n\r\n{BACKTRACE}");
            let crash = watch(text.as_bytes(), 50).crashes.remove(0);
            let source = crash.source.unwrap();
            assert_eq!((source.file.as_str(), source.line), (file, 12), "{text}");
            assert_eq!(source.function.as_deref(), function, "{text}");
            assert_eq!(crash.message.as_deref(), Some(expression), "{text}");
        }
    }
    // What is in flash cannot be read while its cache is off; of a long one the end is missing.
    let long = "a_name_that_goes_on_".repeat(10);
    let cut = |text: String| text[..199].to_owned();
    same(&[
        (
            "assert failed: 0x403759e4 <cached disabled>:1446 (<cached disabled>)\n",
            &["assert assert failed: 403759e4"],
        ),
        (
            "assert failed: 0x403759e4 queue.c:1446 (pxQueue)\n",
            &["assert assert failed, in queue.c:1446: 403759e4"],
        ),
        (
            &cut(format!(
                "assert failed: void f(int) ./main/f.cpp:7 ({long})"
            )),
            &["assert assert failed, in ./main/f.cpp:7"],
        ),
        (
            &cut(format!(
                "assert failed: void {long}(int) ./main/f.cpp:7 (x)"
            )),
            &["assert assert failed"],
        ),
        ("assert failed: main.c:7 (of a log\n", &[]),
    ]);
}

//! Forms of crashes, a short text each: what is recognised, in one line, and that it is counted once.

use crate::fixtures::watch;
use fbuild_monitor::crash::Crash;

/// `KIND CAUSE, core N, task T, at ADDRESS: ADDRESSES` and what else there is to a crash.
fn told(crash: &Crash) -> String {
    let severity = crash.severity.word();
    let addresses = crash.addresses();
    let mut all = vec![format!("{} {}", crash.kind.word(), crash.cause)];
    all.extend((severity != "fatal").then(|| format!(" [{severity}]")));
    all.extend(crash.core.map(|core| format!(", core {core}")));
    all.extend(crash.task.as_ref().map(|task| format!(", task {task}")));
    if !crash.starved.is_empty() {
        all.push(format!(", starved {}", crash.starved.join(" ")));
    }
    all.extend(
        crash
            .fault_address
            .map(|address| format!(", at {address:x}")),
    );
    let source = crash.source.as_ref();
    all.extend(source.map(|source| format!(", in {}:{}", source.file, source.line)));
    all.extend((!addresses.is_empty()).then(|| ":".to_owned()));
    all.extend(addresses.iter().map(|printed| {
        let is_call = printed.meaning.lookup(printed.address) != printed.address;
        format!(" {:x}{}", printed.address, if is_call { "-" } else { "" })
    }));
    all.extend((crash.nested > 0).then(|| format!(", nested {}", crash.nested)));
    all.extend((crash.repeats > 1).then(|| format!(", {} times", crash.repeats)));
    all.concat()
}

pub(crate) fn seen(text: &str) -> Vec<String> {
    let crashes = watch(text.as_bytes(), 17).crashes;
    crashes.iter().map(told).collect()
}

pub(crate) fn same(forms: &[(&str, &[&str])]) {
    for (text, crashes) in forms {
        assert_eq!(seen(text), *crashes, "{text}");
    }
}

pub(crate) const REGISTERS: &str = "\
Core  0 register dump:
PC      : 0x400d1f3a  PS      : 0x00060b30  A0      : 0x800d2a51  A1      : 0x3ffb2160
A14     : 0x00000003  A15     : 0x00000001  SAR     : 0x0000001a  EXCCAUSE: 0x0000001c
EXCVADDR: 0x00000008  LBEG    : 0x400014fd  LEND    : 0x4000150d  LCOUNT  : 0xffffffff
";
pub(crate) const BACKTRACE: &str = "Backtrace: 0x400d1f37:0x3ffb2160 0x400d2a4e:0x3ffb2190\n";

#[test]
fn a_panic_in_the_middle_of_a_line() {
    let found = ["fault LoadProhibited, core 1, at 8: 400d1f3a 400d1f37 400d2a4e"];
    let guru =
        "Guru Meditation Error: Core  1 panic'ed (LoadProhibited). Exception was unhandled.\n";
    let log = format!("[V][client.cpp:88] read(): 'Trans{guru}\n{REGISTERS}\n{BACKTRACE}");
    assert_eq!(seen(&log), found);
    // A log that quotes it has no dump.
    let log = format!("I (88) report: last time: {guru}I (89) report: sent\n");
    assert_eq!(seen(&log), [""; 0]);
    // One inside the panic handler.
    let log = format!(
        "{guru}Core 1 register dump:\nPC      : 0x400d1f3aGuru Meditation Error: Core  1 panic'ed (LoadStoreError)\n\
         . Exception was unhandled.\n"
    );
    assert_eq!(
        seen(&log),
        ["fault LoadProhibited, core 1: 400d1f3a, nested 1"]
    );
    let log = format!("count 17abort() was called at PC 0x400d2a51 on core 0\n\n{BACKTRACE}");
    assert_eq!(
        seen(&log),
        ["abort abort(), core 0: 400d2a51 400d1f37 400d2a4e"]
    );
}

#[test]
fn places_that_another_program_has_written_in_between() {
    let log = "\
E (15684) task_wdt: Task watchdog got triggered. The following tasks/users did not reset the watchdog in time:
E (15684) task_wdt:  - IDLE (CPU 0)
E (15684) task_wdt: Tasks currently running:
E (15684) task_wdt: CPU 0: radio
E (15684) task_wdt: Print CPU 0 (current core) registers
--- Stack dump detected
Core  0 register dump:
MEPC    : 0x42018a3c  RA      : 0x42018a30  SP      : 0x4082d9c0  GP      : 0x40819ba4
--- 0x42018a3c: radio_enable at /project/main/radio.c:88
MSTATUS : 0x00001881  MTVEC   : 0x40800001  MCAUSE  : 0x00000007  MTVAL   : 0x00000000
Stack memory:
4082d9c0: 0x4081d5a8 0x42018a30 0x00000000 0x00000000 0x00000000 0x00000000 0x00000000 0x00000000
--- 0x42018a30: radio_wait at /project/main/radio.c:61
4082d9e0: 0x00000000 0x42019b44 0x00000000 0x00000000 0x00000000 0x00000000 0x00000000 0x00000000
I (15700) radio: up again
";
    let crashes = watch(log.as_bytes(), 50).crashes;
    assert_eq!(crashes.len(), 1);
    assert_eq!(
        told(&crashes[0]),
        "task-wdt Task watchdog got triggered [error], core 0, task radio, starved IDLE: 42018a3c 42018a30-"
    );
    assert_eq!(crashes[0].dump.stack.words().count(), 16);
}

#[test]
fn a_backtrace_that_a_terminal_has_broken() {
    let guru =
        "Guru Meditation Error: Core  0 panic'ed (StoreProhibited). Exception was unhandled.\n";
    let whole =
        "Backtrace: 0x400d1f37:0x3ffb2160 0x400d2a4e:0x3ffb2190 0x400d3b19:0x3ffb21c0 |<-CORRUPTED";
    let expected = seen(&format!("{guru}{whole}\n"));
    assert_eq!(
        expected,
        ["fault StoreProhibited, core 0: 400d1f37 400d2a4e 400d3b19"]
    );
    for at in 30..whole.len() {
        let (one, other) = whole.split_at(at);
        let crashes = watch(
            format!("{guru}{one}\n{other}\nRebooting...\n").as_bytes(),
            50,
        )
        .crashes;
        assert_eq!(crashes.len(), 1);
        assert_eq!(told(&crashes[0]), expected[0], "{one}|{other}");
        assert!(crashes[0].dump.backtrace.as_ref().unwrap().corrupted);
    }
}

#[test]
fn esp_idf() {
    same(&[
        // What the details say.
        (
            "Guru Meditation Error: Core  0 panic'ed (Memory protection fault). \n\
             Write operation at address 0x800842a4 not permitted (INVALID_MEM_TYPE)\n",
            &["memprot Memory protection fault, core 0, at 800842a4"],
        ),
        (
            "Guru Meditation Error: Core  0 panic'ed (Cache error). \n\
             MMU entry fault error occurred while accessing the address 0x3d800040 (invalid mmu entry)\n",
            &["cache-error Cache error, core 0, at 3d800040"],
        ),
        // A damaged heap is found in several places, and by an assertion.
        (
            "CORRUPT HEAP: Bad tail at 0x3ffe04d1. Expected 0xbaad5678 got 0xcececece\n\
             CORRUPT HEAP: multi_heap.c:370 detected at 0x3ffe04d8\n\
             abort() was called at PC 0x400889bb on core 0\n\n\
             Backtrace: 0x40089108:0x3ffbe3e0 0x400892ab:0x3ffbe400\n",
            &["heap-corruption Bad tail, core 0, at 3ffe04d1: 400889bb 40089108 400892ab"],
        ),
        (
            "CORRUPT HEAP: Block 0x3ffe64d8 is outside heap (last valid block 0x3ffe5ff0)\n",
            &[
                "heap-corruption Block 0x3ffe64d8 is outside heap (last valid block 0x3ffe5ff0) [error], at 3ffe64d8",
            ],
        ),
        // Assertions of older versions.
        (
            "/home/me/esp/components/freertos/queue.c:1446 (xQueueGenericReceive)- assert failed!\n\
             abort() was called at PC 0x4008880b on core 0\n\nBacktrace: 0x4008c334:0x3ffbe030\n",
            &[
                "assert assert failed, core 0, in /home/me/esp/components/freertos/queue.c:1446: 4008880b 4008c334",
            ],
        ),
        (
            "assertion \"Invalid mbox\" failed: file \"/home/me/esp/components/lwip/src/api/tcpip.c\", m\n\
             abort() was called at PC 0x400eb4f3 on core 1\n",
            &["assert assert failed, core 1: 400eb4f3"],
        ),
        (
            "Assertion \"pbuf_free: p->ref > 0\" failed at line 753 in /home/me/esp/pbuf.c\n\
             abort() was called at PC 0x400eb4f3 on core 1\n",
            &["assert assert failed, core 1, in /home/me/esp/pbuf.c:753: 400eb4f3"],
        ),
        (
            "C:/my files (2)/esp/queue.c:1446 (void Motor::onStop(void (*)(int)))- assert failed!\n",
            &["assert assert failed, in C:/my files (2)/esp/queue.c:1446"],
        ),
        // The task watchdog before it was logged.
        (
            "Task watchdog got triggered. The following tasks did not reset the watchdog in time:\n \
             - IDLE0 (CPU 0)\nTasks currently running:\nCPU 0: loopTask\nCPU 1: IDLE1\nAborting.\n\
             abort() was called at PC 0x400d2a51 on core 0\n\n\
             Backtrace: 0x4008c334:0x3ffbe030\n\nRebooting...\n",
            &[
                "task-wdt Task watchdog got triggered, core 0, task loopTask, starved IDLE0: 400d2a51 4008c334",
            ],
        ),
        (
            "E BOD: Brownout detector was triggered\r\n\r\n",
            &["brownout Brownout detector was triggered"],
        ),
        (
            "ws: sendingPanic handler entered multiple times. Abort panic handling. Rebooting ...\n",
            &["fault a panic in the panic handler, which gave up"],
        ),
        // A core that cannot go on says nothing.
        (
            "ESP-ROM:esp32c5-eco2-20250121\nBuild:Jan 21 2025\n\
             rst:0x1a (CPU_LOCKUP),boot:0x18 (SPI_FAST_FLASH_BOOT)\nCore0 Saved PC:0x42122746\n\
             SPI mode:DIO, clock div:1\nload:0x408556b0,len:0x16b8\nentry 0x4084bbaa\n",
            &["reset CPU_LOCKUP (no panic text) [error]: 42122746"],
        ),
    ]);
}

#[test]
fn chips_with_a_clic() {
    same(&[
        // A chip with a CLIC has the state before the fault in MCAUSE. The code of an interrupt is no fault's.
        (
            "Guru Meditation Error: Core  0 panic'ed (Store access fault). Exception was unhandled.\n\n\
             Core  0 register dump:\nMEPC    : 0x4ff004b2  RA      : 0x4200011e  SP      : 0x4ff1bf80\n\
             MSTATUS : 0x00001881  MTVEC   : 0x40380001  MCAUSE  : 0x38000007  MTVAL   : 0x00000060\n",
            &["fault Store access fault, core 0, at 60: 4ff004b2 4200011e-"],
        ),
        (
            "Core  1 register dump:\nMEPC    : 0x4ff004b2  RA      : 0x4200011e  SP      : 0x4ff1bf80\n\
             MSTATUS : 0x00001881  MTVEC   : 0x40380001  MCAUSE  : 0x30000002  MTVAL   : 0x00000000\nRebooting...\n",
            &["fault Illegal instruction, core 1: 4ff004b2 4200011e-"],
        ),
        (
            "Guru Meditation Error: Core  0 panic'ed (Unhandled interrupt 5). \n\n\
             Core  0 register dump:\nMEPC    : 0x4ff004b2  RA      : 0x4200011e  SP      : 0x4ff1bf80\n\
             MSTATUS : 0x00001881  MTVEC   : 0x40380001  MCAUSE  : 0xb8000005  MTVAL   : 0x00000060\n",
            &["fault Unhandled interrupt 5, core 0: 4ff004b2 4200011e-"],
        ),
    ]);
}

#[test]
fn tasks_of_any_name() {
    same(&[
        // A task may be called anything.
        (
            "Guru Meditation Error: Core  1 panic'ed (Unhandled debug exception). \n\
             Debug exception reason: Stack canary watchpoint triggered (tick (2)) \n",
            &["stack-overflow Stack canary watchpoint triggered, core 1, task tick (2)"],
        ),
        (
            "Guru Meditation Error: Core  0 panic'ed (Stack protection fault). \n\n\
             Detected in task \"the \"a\" at b\" at 0x420000d2\n",
            &["stack-overflow Stack protection fault, core 0, task the \"a\" at b: 420000d2"],
        ),
        (
            "***ERROR*** A stack overflow in task tick (2) has been detected.\n",
            &["stack-overflow A stack overflow in task has been detected, task tick (2)"],
        ),
        (
            "E (15684) task_wdt: Task watchdog got triggered. The following tasks/users did not reset the watchdog in time:\n\
             E (15684) task_wdt:  - tick (2) (CPU 0/1)\n",
            &["task-wdt Task watchdog got triggered [error], core 0, starved tick (2)"],
        ),
    ]);
}

#[test]
fn esp8266() {
    let registers =
        "epc1=0x40253c86 epc2=0x00000000 epc3=0x00000000 excvaddr=0x00000000 depc=0x00000000\n";
    let stack = "\n>>>stack>>>\n\nctx: cont\nsp: 3ffffc10 end: 3fffffd0 offset: 0160\n\
                 3ffffd70:  40211905 00000001 3ffee304 3fffdad0  \n<<<stack<<<\n";
    let all = |first: &str, number: u32| {
        format!(
            "--------------- CUT HERE FOR EXCEPTION DECODER ---------------\n\n{first}\n\nException ({number}):\n{registers}{stack}"
        )
    };
    same(&[
        (
            &all("Stack overflow detected.", 5),
            &["stack-overflow Stack overflow detected: 40253c86 40211905-"],
        ),
        (
            &all("Soft WDT reset - deliberate infinite loop detected", 4),
            &["watchdog Soft WDT reset - deliberate infinite loop detected: 40253c86 40211905-"],
        ),
        (
            &all(
                "Double Exception - excsave1=0x40211905 excsave2=0x3ffffe00 epc1=0x40253c86",
                28,
            ),
            &["double-exception Double exception, at 0: 40253c86 40211905-"],
        ),
        (
            &format!(
                " ets Jan  8 2013,rst cause:4, boot mode:(3,6)\n\nwdt reset\nload 0x4010f000, len 3424, room 16\n\n\
                      Hardware WDT reset\n{stack}"
            ),
            &["watchdog Hardware WDT reset: 40211905-"],
        ),
        (
            "Panic C:\\my files (2)\\heap.cpp:13 void Motor::onStop(void (*)(int)): Assertion 'cb' failed.\n",
            &["assert assert failed, in C:\\my files (2)\\heap.cpp:13"],
        ),
        // ESP-IDF for it: a backtrace of return addresses as they are.
        (
            "Guru Meditation Error: Core  0 panic'ed (LoadProhibited). Exception was unhandled.\n\
             Core 0 register dump:\n\
             PC      : 0x401013b4  PS      : 0x00000030  A0      : 0x40227a43  A1      : 0x3ffedf00\n\
             A14     : 0x00000003  A15     : 0x3ffedb48  SAR     : 0x0000001d  EXCCAUSE: 0x0000001c\n\n\
             Backtrace: 0x401013b4:0x3ffedf00 0x40227a43:0x3ffedf00 0x40249225:0x3ffedf10\n\n\
             \u{20}ets Jan  8 2013,rst cause:2, boot mode:(3,6)\n",
            &["fault LoadProhibited, core 0: 401013b4 40227a43- 40249225-"],
        ),
    ]);
}

#[test]
fn rust() {
    same(&[
        // esp-backtrace before 0.15, on both architectures
        (
            "\n\nException occured 'LoadProhibited'\n\
             Context\nPC=0x420060b3       PS=0x00060015\nA0=0x8200f0ac       A1=0x3fcebc50\n\n\
             0x4200f0a9\n0x42001f63\n",
            &["rust-exception LoadProhibited: 420060b3 4200f0a9 42001f63"],
        ),
        (
            "Exception 'Load access fault' mepc=0x42001a3e, mtval=0x00000010\n\
             TrapFrame { ra: 42001a02, t0: 0 }\n0x420016c0\n0x42001802\n",
            &["rust-exception Load access fault, at 10: 42001a3e 420016c0 42001802"],
        ),
        (
            "!! A panic occured in 'src/main.rs', at line 27, column 9:\n\nPanicInfo {\n    payload: Any { .. },\n    \
             message: Some(\n        the tank is empty,\n    ),\n}\n\nBacktrace:\n\n0x42001a3e\n0x420016c0\n",
            &["rust-panic the tank is empty, in src/main.rs:27: 42001a3e 420016c0"],
        ),
        // a thread may be called anything
        (
            "\nthread 'it's (2)' (7) panicked at src/main.rs:27:9:\nthe tank is empty\n",
            &["rust-panic the tank is empty, task it's (2), in src/main.rs:27"],
        ),
        (
            "\nthread 'it's' panicked at 'all 'is' lost', src/main.rs:27:9\n",
            &["rust-panic all 'is' lost, task it's, in src/main.rs:27"],
        ),
        // esp-hal: what it watches for
        (
            "\n====================== PANIC ======================\n\
             panicked at /home/me/.cargo/esp-hal-1.1.1/src/exception_handler/mod.rs:30:9:\n\n\n\
             Detected a write to the stack guard value on ProCpu\n\
             Context { PC: 1074098020, PS: 394784, A0: 2182227078, EXCVADDR: 256, THREADPTR: 0 }\n\n\
             Backtrace:\n\n0x4204506e\n0x4204fd0d\n",
            &[
                "stack-overflow Detected a write to the stack guard value, core 0: 40056f64 4204506e 4204fd0d",
            ],
        ),
        (
            "====================== PANIC ======================\n\
             panicked at esp-hal/src/exception_handler/mod.rs:60:9:\n\
             [ProCpu] Stack overflow detected at 0x42001a3e, possibly called by 0x420016c0\n\n\
             Backtrace:\n\n0x42001a3c\n",
            &["stack-overflow Stack overflow detected, core 0: 42001a3e 42001a3c"],
        ),
        (
            "====================== PANIC ======================\n\
             panicked at esp-hal/src/exception_handler/mod.rs:10:5:\n\n\n\
             Exception occurred on AppCpu 'LoadProhibited'\n\
             Context { PC: 1107310771, PS: 394784, EXCCAUSE: 28, EXCVADDR: 16 }\n\n\
             Backtrace:\n\n0x4200f0a9\n",
            &["rust-exception LoadProhibited, core 1: 420038b3 4200f0a9"],
        ),
        // by way of defmt: the handler's own panic comes after it
        (
            "22.619121 [ERROR] panicked at '\n\nException occurred on ProCpu 'InstrProhibited'\n\
             Context { PC: 32, PS: 393237, A0: 2181152054, EXCVADDR: 32 }' (esp_hal src/exception_handler/mod.rs:10)\n\
             22.620929 [ERROR]  (esp_backtrace esp-backtrace-0.16.0/src/lib.rs:53)\n\
             22.621797 [ERROR] ====================== PANIC ====================== (esp_backtrace src/lib.rs:53)\n\
             22.622664 [ERROR] panicked at /home/me/.cargo/defmt-1.0.1/src/lib.rs:385:5: (esp_backtrace src/lib.rs:53)\n\
             22.622664 [ERROR] Backtrace: (esp_backtrace src/lib.rs:53)\n\
             22.622664 [ERROR] 0x4200f0a9 (esp_backtrace src/lib.rs:53)\n",
            &["rust-exception InstrProhibited, core 0: 4200f0a9"],
        ),
    ]);
}

#[test]
fn zephyr() {
    same(&[
        (
            "uart:~$ wifi status\n\
             [00:00:13.107,000] <err> os:  ** FATAL EXCEPTION\n\
             [00:00:13.107,000] <err> os:  ** CPU 0 EXCCAUSE 28 (load prohibited)\n\
             [00:00:13.107,000] <err> os:  **  PC 0x400e55f7 VADDR (nil)\n\
             [00:00:13.107,000] <err> os:  **  PS 0x60f20\n\
             [00:00:13.107,000] <err> os:  **    (INTLEVEL:0 EXCM: 0 UM:1 RING:0 WOE:1 OWB:15 CALLINC:2)\n\
             [00:00:13.107,000] <err> os:  **  A0 0x800d87af  SP 0x3ffe5b70  A2 0x51560006  A3 (nil)\n\
             Backtrace:0x400e55f4:0x3ffe5b70 0x400d87ac:0x3ffe5b90\n\
             [00:00:13.107,000] <err> os: >>> ZEPHYR FATAL ERROR 0: CPU exception on CPU 0\n\
             [00:00:13.107,000] <err> os: Current thread: 0x3ffc1b90 (shell_uart)\n\
             [00:00:13.107,000] <err> os: Halting system\n",
            &["fault load prohibited, core 0, task shell_uart, at 0: 400e55f7 400e55f4 400d87ac"],
        ),
        (
            " ** FATAL EXCEPTION\n ** CPU 0 EXCCAUSE 29 PS 0x00060120 PC 0x400d1f3a VADDR 0x00000004\n \
             **  A0 0x800d2a51  SP 0x3ffb1b70  A2 0x00000000  A3 0x00000000\nCurrent thread ID = 0x3ffb021c\n\
             Faulting instruction address = 0xdeaddead\nFatal fault in ISR! Spinning...\n",
            &["fault StoreProhibited, core 0, at 4: 400d1f3a"],
        ),
        (
            "[00:00:00.002,000] <err> os:  mcause: 5, Load access fault\n\
             [00:00:00.009,000] <err> os:   mtval: 10\n\
             [00:00:00.013,000] <err> os:      a0: 00000000    t0: 42017e74\n\
             [00:00:00.064,000] <err> os:      ra: 42003b58\n\
             [00:00:00.069,000] <err> os:    mepc: 4200736c\n\
             [00:00:00.074,000] <err> os: mstatus: 00001880\n\
             [00:00:00.074,000] <err> os: call trace:\n\
             [00:00:00.074,000] <err> os:       0: fp: 3fc8f0b0 ra: 4200736c [handle+0x12]\n\
             [00:00:00.074,000] <err> os:       1: fp: 3fc8f0d0 ra: 42003b58 [serve+0x2e]\n\
             [00:00:00.079,000] <err> os: >>> ZEPHYR FATAL ERROR 0: CPU exception on CPU 0\n\
             [00:00:00.084,000] <err> os: Current thread: 0x3fc8a100 (unknown)\n\
             [00:00:00.089,000] <err> os: Halting system\n",
            &["fault Load access fault, core 0, at 10: 4200736c 42003b58-"],
        ),
        (
            "ASSERTION FAIL [count < 8] @ WEST_TOPDIR/app/src/ring.c:31\n\
             E:      a0: 00000004    t0: 42017e74\nE:      ra: 42003b58\nE:    mepc: 4200736c\n\
             E: >>> ZEPHYR FATAL ERROR 4: Kernel panic on CPU 0\nE: Current thread: 0x3fc8a100 (main)\n\
             E: Halting system\n",
            &[
                "assert assert failed, core 0, task main, in WEST_TOPDIR/app/src/ring.c:31: 4200736c 42003b58-",
            ],
        ),
        (
            "E:      a0: 00000003    t0: 42017e74\nE:      ra: 42003b58\nE:    mepc: 4200736c\n\
             E: >>> ZEPHYR FATAL ERROR 2: Stack overflow on CPU 0\nE: Current thread: 0x3fc8a100 (sysworkq)\n\
             E: Halting system\n",
            &["stack-overflow Stack overflow, core 0, task sysworkq: 4200736c 42003b58-"],
        ),
    ]);
}

#[test]
fn what_a_program_has_kept() {
    let kept = "\
[E][esp32.crash:332]: *** CRASH DETECTED ON PREVIOUS BOOT ***
[E][esp32.crash:335]:   Reason: Fault - LoadProhibited
[E][esp32.crash:339]:   Crashed core: 1
[E][esp32.crash:340]:   PC:  0x400D1F3A  (fault location)
WARNING Decoded 0x400d1f3a: setup()::{lambda()#1}::_FUN() at pump.yaml:89
[E][esp32.crash:305]:   BT0: 0x400D1F37  (backtrace)
[E][esp32.crash:305]:   BT1: 0x400D2A4E  (backtrace)
[E][esp32.crash:310]: Use: addr2line -pfiaC -e firmware.elf 0x400D1F3A 0x400D1F37 0x400D2A4E
[I][app:102]: ESPHome version 2026.7.3 compiled
";
    let crash = "fault LoadProhibited, core 1: 400d1f3a 400d1f37 400d2a4e";
    assert_eq!(seen(kept), [crash]);
    // It was seen when it came.
    let guru =
        "Guru Meditation Error: Core  1 panic'ed (LoadProhibited). Exception was unhandled.\n";
    let both = format!("{guru}{REGISTERS}{BACKTRACE}\nRebooting...\n{kept}");
    assert_eq!(seen(&both).len(), 1);
    same(&[
        (
            "[09:34:21][E][esp8266:171]: *** CRASH DETECTED ON PREVIOUS BOOT ***\n\
             [09:34:21][E][esp8266:186]:   Reason: Soft WDT - Level1Int (exccause=4)\n\
             [09:34:21][E][esp8266:191]:   PC: 0x40253C86\n[09:34:21][E][esp8266:196]:   BT0: 0x40253AA0\n",
            &["watchdog Soft WDT: 40253c86"],
        ),
        (
            "[E][esp32.crash:332]: *** CRASH DETECTED ON PREVIOUS BOOT ***\n\
             [E][esp32.crash:335]:   Reason: Abort - Store access fault\n\
             [E][esp32.crash:340]:   PC:  0x40380ECC  (fault location)\n\
             [E][esp32.crash:305]:   BT0: 0x40380ECC  (backtrace)\n\
             [E][esp32.crash:305]:   BT1: 0x42003B58  (backtrace)\n\
             [E][esp32.crash:305]:   BT2: 0x420016C0  (stack scan)\n",
            &["abort abort(): 40380ecc 42003b58-"],
        ),
        (
            "CrashReport:\n  A problem occurred at (system time) 0:0:25\n  Code was executing from address 0xD8\n  \
             CFSR: 82\n\t(DACCVIOL) Data Access Violation\n\t(MMARVALID) Accessed Address: 0x0 (nullptr)\n\t  \
             Check code at 0xD8 - very likely a bug!\n  Temperature inside the chip was 50.28 °C\n  \
             Reboot was caused by auto reboot after fault or bad interrupt detected\n",
            &["fault Data Access Violation, at 0"],
        ),
        (
            "\n*** PANIC ***\n\nOut of memory\n",
            &["abort Out of memory"],
        ),
    ]);
}

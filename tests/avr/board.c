/* An AVR board with a genuine boot loader, played by simavr, on a TCP port of 127.0.0.1.
 *
 *     board PART BOOTLOADER.hex BAUD FLASH.bin
 *
 * Prints the port's number. Opening the port resets the board, as DTR does on a real one. The time of the
 * board goes by as outside, and bytes take as long as they do at BAUD. When it gets SIGTERM, or after a client
 * left, it writes what its flash holds to FLASH.bin. FLASH.bin.eeprom is what its EEPROM holds.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "avr_eeprom.h"
#include "avr_uart.h"
#include "sim_avr.h"

#define MHZ 16

static avr_t *avr;
static int client = -1;
static volatile sig_atomic_t stopped;

static void stop(int signal)
{
    (void)signal;
    stopped = 1;
}

static uint64_t microseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000ull + t.tv_nsec / 1000;
}

/* A byte from the board. */
static void sent(struct avr_irq_t *irq, uint32_t value, void *param)
{
    (void)irq;
    (void)param;
    unsigned char byte = value;
    if (client >= 0 && write(client, &byte, 1) != 1) {
        close(client);
        client = -1;
    }
}

/* simavr's own reader of such files loses what comes after a gap. */
static uint32_t load(const char *path)
{
    FILE *file = fopen(path, "r");
    char line[600];
    uint32_t first = UINT32_MAX, base = 0;
    if (!file) {
        perror(path);
        exit(1);
    }
    while (fgets(line, sizeof line, file)) {
        unsigned length, address, kind, value;
        if (sscanf(line, ":%2x%4x%2x", &length, &address, &kind) != 3)
            continue;
        if ((kind == 2 || kind == 4) && sscanf(line + 9, "%4x", &value) == 1)
            base = value << (kind == 2 ? 4 : 16);
        for (unsigned i = 0; kind == 0 && i < length; i++) {
            /* Debian's optiboot has four bytes after the end of the flash, where no part has anything. */
            if (sscanf(line + 9 + 2 * i, "%2x", &value) == 1 && base + address + i <= avr->flashend)
                avr->flash[base + address + i] = value;
        }
        if (kind == 0 && base + address < first)
            first = base + address;
    }
    fclose(file);
    return first;
}

static void save(const char *path, const void *bytes, size_t length)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, length, file) != length || fclose(file)) {
        perror(path);
        exit(1);
    }
}

static void save_all(const char *path)
{
    static uint8_t bytes[8192];
    char name[4096];
    avr_eeprom_desc_t eeprom = {.ee = bytes, .offset = 0, .size = avr->e2end + 1};
    snprintf(name, sizeof name, "%s.eeprom", path);
    save(path, avr->flash, avr->flashend + 1);
    avr_ioctl(avr, AVR_IOCTL_EEPROM_GET, &eeprom);
    save(name, eeprom.ee, avr->e2end + 1);
}

static void reset(uint32_t pc)
{
    avr_reset(avr);
    /* simavr powers on; the boot loader wants the reset pin. */
    avr_regbit_clear(avr, avr->reset_flags.porf);
    avr_regbit_set(avr, avr->reset_flags.extrf);
    avr->pc = pc;
}

int main(int count, char **arguments)
{
    if (count != 5) {
        fprintf(stderr, "usage: board PART BOOTLOADER.hex BAUD FLASH.bin\n");
        return 1;
    }
    avr = avr_make_mcu_by_name(arguments[1]);
    if (!avr || avr_init(avr))
        return 1;
    avr->log = LOG_ERROR;
    avr->frequency = MHZ * 1000000;
    memset(avr->flash, 0xff, avr->flashend + 1);
    uint32_t start = load(arguments[2]);
    avr->codeend = avr->flashend;
    avr->reset_pc = start;
    reset(start);

    uint32_t flags = 0;
    avr_ioctl(avr, AVR_IOCTL_UART_GET_FLAGS('0'), &flags);
    flags &= ~(AVR_UART_FLAG_STDIO | AVR_UART_FLAG_POLL_SLEEP);
    avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
    avr_irq_t *from = avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUTPUT);
    avr_irq_t *to = avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_INPUT);
    avr_irq_register_notify(from, sent, NULL);

    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, stop);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 1) ||
        getsockname(listener, (struct sockaddr *)&address, &size))
        return 1;
    fcntl(listener, F_SETFL, O_NONBLOCK);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);

    uint64_t byte_cycles = 10ull * MHZ * 1000000 / strtoul(arguments[3], NULL, 10);
    uint64_t began = microseconds(), origin = avr->cycle, next_byte = 0, next_look = 0;
    while (!stopped) {
        if (avr->cycle >= next_look) {
            next_look = avr->cycle + MHZ * 200;
            uint64_t due = began + (avr->cycle - origin) / MHZ, now = microseconds();
            if (due > now + 500)
                usleep(due - now);
            else if (now > due + 5000)
                began += now - due; /* a busy machine: its time is late, and goes on from there */
            if (client < 0 && (client = accept(listener, NULL, NULL)) >= 0)
                reset(start);
        }
        if (client >= 0 && avr->cycle >= next_byte) {
            unsigned char byte;
            ssize_t n = recv(client, &byte, 1, MSG_DONTWAIT);
            if (n == 1) {
                avr_raise_irq(to, byte);
                next_byte = avr->cycle + byte_cycles;
            } else {
                next_byte = avr->cycle + byte_cycles / 2;
            }
            if (n == 0) {
                close(client);
                client = -1;
                save_all(arguments[4]);
            }
        }
        int state = avr_run(avr);
        if (state == cpu_Done || state == cpu_Crashed)
            reset(start);
    }
    save_all(arguments[4]);
    return 0;
}

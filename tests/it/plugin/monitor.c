/* Lets a test on the other end of standard input and output call functions here, and be called as one.

   Compiled once for each ENTRY: 0 is where the program starts, the others are functions that the plugin calls. One
   function, position independent. Says which one it is and what it was called with, and then obeys. */

typedef unsigned int u32;

#ifdef __riscv
enum { READ = 63, WRITE = 64, EXIT = 93 };
#define INLINE static inline __attribute__((always_inline))
INLINE u32 system_call(u32 number, u32 a, u32 b, u32 c) {
  register u32 a7 __asm__("a7") = number, a0 __asm__("a0") = a, a1 __asm__("a1") = b, a2 __asm__("a2") = c;
  __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
  return a0;
}
#else
enum { READ = 12, WRITE = 13, EXIT = 118 };
#define INLINE static inline __attribute__((always_inline))
INLINE u32 system_call(u32 number, u32 a, u32 b, u32 c) {
  register u32 a2 __asm__("a2") = number, a6 __asm__("a6") = a, a3 __asm__("a3") = b, a4 __asm__("a4") = c;
  /* `syscall`, which clang 22 knows only with a feature that it does not name. */
  __asm__ volatile(".byte 0x00, 0x50, 0x00" : "+r"(a2) : "r"(a6), "r"(a3), "r"(a4) : "memory");
  return a2;
}
#endif

enum { RETURN, SEND, TAKE, CALL };

u32 monitor(u32 a, u32 b, u32 c, u32 d, u32 e, u32 f, u32 g) {
  volatile u32 said[8] = {ENTRY, a, b, c, d, e, f, g};
  volatile u32 order[6];
  system_call(WRITE, 1, (u32)said, sizeof said);
  for (;;) {
    for (u32 got = 0; got < sizeof order;) {
      u32 n = system_call(READ, 0, (u32)order + got, sizeof order - got);
      if (n - 1 >= sizeof order) system_call(EXIT, 1, 0, 0);
      got += n;
    }
    u32 address = order[1], len = order[2];
    switch (order[0]) {
    case RETURN:
      if (!ENTRY) system_call(EXIT, 0, 0, 0);
      return address;
    case SEND:
      for (u32 n; len; len -= n, address += n) n = system_call(WRITE, 1, address, len);
      break;
    case TAKE:
      for (u32 n; len; len -= n, address += n) n = system_call(READ, 0, address, len);
      break;
    case CALL:
      said[0] = CALL << 8;
      said[1] = ((u32(*)(u32, u32, u32, u32))address)(order[2], order[3], order[4], order[5]);
      system_call(WRITE, 1, (u32)said, sizeof said);
    }
  }
}

/* A plugin for Espressif's flasher stub: turns an old image in flash into a new one, in place.

   The stub calls plugin() for its opcode (esp-flasher-stub 1.1, docs/plugin-system.md), and again after it has sent the
   answer, while the next request comes in. Whatever takes time is done then; an error there is the next request's answer.

   Position independent: no data, no relocations, one function, no calls but through the state, whose address comes with
   each request. `place.rs` beside this file says how it is built and has the host's side of the state, `delta.rs` that of
   a request. */

typedef unsigned int u32;
typedef unsigned short u16;
typedef unsigned char u8;

/* The stub's: what a handler answers, and what the second call gets. */
struct response { u32 value; u8 data[64]; u16 data_len; int (*after)(const void *); };
struct context { u8 command, direction; u16 data_len; u32 checksum; const u8 *data; };

struct state {
  int (*read)(u32 offset, void *to, int len); /* the boot ROM's functions */
  int (*program)(u32 offset, const void *from, int len);
  int (*erase_block)(u32 number);
  int (*erase_sector)(u32 number);
  int (*inflate)(void *, const u8 *in, u32 *in_len, u8 *start, u8 *out, u32 *out_len, u32 flags);
  int (*self)(const void *);
  u8 *inflater, *operations;
  u32 operations_size;
  u8 *saved, *sector; /* a block as it was before it was erased, and what lay beside it; the sector that is being made */
  u32 first, end;     /* nothing outside is touched */
  /* From here on it is the plugin's own. */
  u32 operations_len, saved_at, saved_end, unit_end, next, done;
  u32 read_buffer[65];
};

enum { VERSION = 0x44544C32 };
enum { SUM = 1, PIECE = 2, COUNT = 3 };
enum { FIRST_PART = 1, LAST_PART = 2 };
/* Words of a request. The flags' upper bits say how much of what is erased is known, and summed up. */
enum { OF_SUM, KIND, STATE, WORDS, FLAGS = WORDS, ERASE_AT, ERASE_LEN, OLD_SUM, AT, LEN, LENGTHS, PART_LEN, PART };
enum { BAD_SUM = 0xC100, BAD_FLASH = 0xC400, BAD_STREAM = 0xC700, BAD_PLACE = 0xE000, BAD_OLD = 0xE100, BAD_OPERATION = 0xE200 };
enum { SECTOR = 0x1000, BLOCK = 0x10000, KEPT = 0x8000, READ = 256 };

#define INLINE static inline __attribute__((always_inline))

/* FNV-1a by words: no change of a single word has the same sum. */
INLINE u32 sum(const u32 *words, u32 count) {
  u32 hash = 0x811C9DC5;
  while (count--) hash = (hash ^ *words++) * 0x01000193;
  return hash;
}

INLINE u32 number(const u8 **at) {
  u32 value = 0, shift = 0, byte;
  do {
    byte = *(*at)++;
    value |= (byte & 127) << shift;
    shift += 7;
  } while (byte & 128 && shift < 35);
  return value;
}

int plugin(u32 call, const u8 *data, u32 len, struct response *response) {
  /* A command has one byte; a pointer to a context has more. */
  const int is_after = call > 255;
  if (is_after) data = ((const struct context *)call)->data;
  const u32 *word = (const u32 *)data;
  if (!is_after) {
    if (len < 16 || len & 3 || sum(word + 1, len / 4 - 1) != word[OF_SUM]) return BAD_SUM;
    if (word[KIND] == SUM) {
      response->value = VERSION;
      *(u32 *)response->data = sum((const u32 *)word[STATE], word[WORDS]);
      response->data_len = 4;
      return 0;
    }
  }

  struct state *s = (struct state *)word[STATE];
  const u32 erase_at = word[ERASE_AT], erase_len = word[ERASE_LEN], start = word[AT], plain_len = word[LEN];
  const u32 is_last = word[FLAGS] & LAST_PART, known_len = word[FLAGS] & ~(SECTOR - 1u);
  if (!is_after) {
    response->value = s->done;
    if (word[KIND] == COUNT) return 0;
    if (len < PART * 4 || word[PART_LEN] > len - PART * 4) return BAD_PLACE;
    /* What is erased is saved first, and made anew from its start to its end. */
    u32 next = s->next, end = s->unit_end;
    if (erase_len) {
      next = erase_at;
      end = erase_at + erase_len;
      if ((erase_at | erase_len) & (SECTOR - 1) || erase_len > BLOCK || erase_at < s->first || end < erase_at ||
          end > s->end)
        return BAD_PLACE;
    }
    if (known_len > erase_len) return BAD_PLACE;
    if (plain_len - 1 >= BLOCK || plain_len & (SECTOR - 1) || start != next || plain_len > end - start) return BAD_PLACE;
    response->after = s->self;
    return 0;
  }

  if (word[FLAGS] & FIRST_PART) {
    s->operations_len = 0;
    *(u32 *)s->inflater = 0;
  }
  u32 used = word[PART_LEN], made = s->operations_size - s->operations_len;
  const int status = s->inflate(s->inflater, data + PART * 4, &used, s->operations, s->operations + s->operations_len,
                                &made, is_last ? 4 : 4 | 2);
  s->operations_len += made;
  if (used != word[PART_LEN] || status != (is_last ? 0 : 1)) return BAD_STREAM;
  if (!is_last) return 0;

  const u8 *const control_end = s->operations + (word[LENGTHS] & 0xFFFF);
  const u8 *const added_end = control_end + (word[LENGTHS] >> 16);
  const u8 *const all_end = s->operations + s->operations_len;
  if (added_end > all_end) return BAD_OPERATION;
  const u32 end = start + plain_len;
  /* First everything is looked at, then it is done. */
  for (u32 pass = 0; pass < 2; pass++) {
    if (pass && erase_len) {
      /* What was saved right beside it is kept, as far as there is room: it is in flash no more. */
      u32 *const saved = (u32 *)s->saved;
      const u32 len = s->saved_end - s->saved_at, kept = len < KEPT ? len : KEPT, erase_end = erase_at + erase_len;
      u32 below = 0, above = 0;
      if (s->saved_end == erase_at) {
        below = kept;
        for (u32 i = 0; i < kept / 4; i++) saved[i] = saved[(len - kept) / 4 + i];
      } else if (s->saved_at == erase_end) {
        above = kept;
        for (u32 i = kept / 4; i--;) saved[erase_len / 4 + i] = saved[i];
      }
      s->saved_end = s->saved_at;
      u8 *const unit = s->saved + below;
      for (u32 at = 0; at < erase_len; at += SECTOR)
        if (s->read(erase_at + at, unit + at, SECTOR)) return BAD_FLASH;
      if (sum((const u32 *)unit, known_len / 4) != word[OLD_SUM]) return BAD_OLD;
      s->saved_at = erase_at - below;
      s->saved_end = erase_end + above;
      s->unit_end = erase_end;
      if (erase_len == BLOCK && !(erase_at & (BLOCK - 1))) {
        if (s->erase_block(erase_at / BLOCK)) return BAD_FLASH;
      } else {
        for (u32 at = erase_at; at < erase_at + erase_len; at += SECTOR)
          if (s->erase_sector(at / SECTOR)) return BAD_FLASH;
      }
    }
    const u8 *control = s->operations, *added = control_end, *literal = added_end;
    u32 at = start, shift = 0;
    while (control < control_end) {
      /* Copy, then copy with something added, both from `shift` further on in the old image; then literals. */
      u32 head = number(&control), add = number(&control), copy = head >> 2, literals = 0;
      if (head & 1) {
        u32 turn = number(&control);
        shift += (turn >> 1) ^ (0 - (turn & 1));
      }
      if (head & 2) literals = number(&control);
      u32 from = at + shift, old = copy + add;
      if (!pass) {
        if (copy > BLOCK || add > BLOCK || literals > BLOCK) return BAD_OPERATION;
        if (old && (from < s->first || from > s->end || old > s->end - from)) return BAD_OPERATION;
        at += old + literals;
        added += add;
        literal += literals;
        if (at > end) return BAD_OPERATION;
        continue;
      }
      while (old + literals) {
        u32 done = at & (SECTOR - 1), n = SECTOR - done;
        u8 *to = s->sector + done;
        if (old) {
          const u8 *source;
          if (n > old) n = old;
          if (from >= s->saved_at && from < s->saved_end) {
            if (n > s->saved_end - from) n = s->saved_end - from;
            source = s->saved + (from - s->saved_at);
          } else {
            const u32 skew = from & 3;
            if (n > READ) n = READ;
            if (from < s->saved_at && n > s->saved_at - from) n = s->saved_at - from;
            if (s->read(from - skew, s->read_buffer, (skew + n + 3) & ~3u)) return BAD_FLASH;
            source = (const u8 *)s->read_buffer + skew;
          }
          from += n;
          old -= n;
          const u8 *const stop = source + n, *const plain = source + (copy < n ? copy : n);
          copy -= copy < n ? copy : n;
          /* Most code moves by whole words. */
          if (!(shift & 3)) {
            while (source < plain && (u32)source & 3) *to++ = *source++;
            for (; plain - source >= 4; source += 4, to += 4) *(u32 *)to = *(const u32 *)source;
          }
          while (source < plain) *to++ = *source++;
          while (source < stop) *to++ = (u8)(*source++ + *added++);
        } else {
          if (n > literals) n = literals;
          literals -= n;
          for (u32 i = n; i; i--) *to++ = *literal++;
        }
        at += n;
        if (!(at & (SECTOR - 1)) && s->program(at - SECTOR, s->sector, SECTOR)) return BAD_FLASH;
      }
    }
    if (at != end || added != added_end || literal != all_end) return BAD_OPERATION;
  }
  s->next = end;
  s->done++;
  return 0;
}

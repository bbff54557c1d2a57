int puts(const char *text);

void app_main(void) {
    puts("hello");
}

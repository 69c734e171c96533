// A shared object: warm-up.
int library_value = 3;

int from_library(const char *text) { return text[0] + library_value; }

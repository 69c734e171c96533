// What delta was when old.c was linked.
int delta_version(void) { return 0; }

// A member that nothing refers to: warm-up.
int from_nobody(void) { return 0; }

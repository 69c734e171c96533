// Linked when delta had but one version.
int delta_version(void);
int old_version(void) { return delta_version(); }

/* fault.h: for tests of Spore's own kernels, which end their worker at a chosen row. Not for other kernels. */
#ifndef SPORE_FAULT_H
#define SPORE_FAULT_H

#ifdef __cplusplus
extern "C" {
#endif

/* What a kernel calls when it reaches spore_context::fault_row. It ends the worker by the signal that the
 * test asked for; in a production run it is never reached. */
void spore_fault(void);

#ifdef __cplusplus
}
#endif

#endif

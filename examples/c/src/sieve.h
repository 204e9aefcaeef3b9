#include <stddef.h>

/* Writes the first `count` primes to `primes`. Returns 0, or -1 when memory runs out. */
int first_primes(unsigned *primes, size_t count);

#include "sieve.h"
#include <stdlib.h>
#include <string.h>

int first_primes(unsigned *primes, size_t count)
{
    size_t limit = 16;
    for (;;) {
        unsigned char *composite = calloc(limit, 1);
        if (!composite)
            return -1;
        size_t found = 0;
        for (size_t n = 2; n < limit && found < count; n++) {
            if (composite[n])
                continue;
            primes[found++] = (unsigned)n;
            for (size_t m = n * n; m < limit; m += n)
                composite[m] = 1;
        }
        free(composite);
        if (found == count)
            return 0;
        limit *= 2;
    }
}

#include "sieve.h"
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    char *end = "";
    unsigned long count = argc == 2 ? strtoul(argv[1], &end, 10) : 0;
    if (*end != '\0' || count < 1 || count > 1000000) {
        fprintf(stderr, "usage: primes COUNT (1 to 1000000)\n");
        return 2;
    }
    unsigned *primes = malloc(count * sizeof *primes);
    if (!primes || first_primes(primes, count) != 0) {
        fprintf(stderr, "primes: out of memory\n");
        return 1;
    }
    for (unsigned long i = 0; i < count; i++)
        printf("%u\n", primes[i]);
    free(primes);
    return 0;
}

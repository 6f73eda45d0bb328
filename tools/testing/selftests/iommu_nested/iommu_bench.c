// SPDX-License-Identifier: GPL-2.0-only
/*
 * What operations on an IOMMU cost, on whatever driver it has. scripts/bench.sh
 * runs it on two and compares.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	if (!strcmp(mode, "count") && argc <= 3) {
		bench_count(argv[2]);
	} else if (!strcmp(mode, "loop") && argc == 3) {
		bench_loop(argv[2]);
	} else if (!strcmp(mode, "contend") && argc == 3 &&
		   bench_hardware.contend) {
		bench_hardware.contend(atoi(argv[2]));
	} else {
		fprintf(stderr, "usage: %s count [OPERATION]\n"
				"       %s contend MILLISECONDS\n"
				"       %s loop OPERATION\n",
			argv[0], argv[0], argv[0]);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

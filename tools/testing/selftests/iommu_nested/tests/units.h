/* SPDX-License-Identifier: GPL-2.0-only */
/* Machines with several IOMMUs */
#ifndef IOMMU_NESTED_TESTS_UNITS_H
#define IOMMU_NESTED_TESTS_UNITS_H

#include <stdbool.h>
#include <string.h>

#include "../lib/edu.h"
#include "../lib/pci.h"

#define ONE_UNIT	"one unit has all devices"

/* Whether two devices are behind the same one */
static inline bool same_unit(const struct edu *one, const struct edu *other)
{
	char a[64], b[64];

	return !pci_iommu(one->bdf, a, sizeof(a)) &&
	       !pci_iommu(other->bdf, b, sizeof(b)) && !strcmp(a, b);
}

#endif

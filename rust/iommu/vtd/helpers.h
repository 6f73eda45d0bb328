/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _RUST_IOMMU_VTD_HELPERS_H
#define _RUST_IOMMU_VTD_HELPERS_H

#include <linux/types.h>

/* Whether the CPU, of which an IOMMU is part, is of this model. */
bool rust_helper_cpu_is_sapphire_rapids(void);

#endif

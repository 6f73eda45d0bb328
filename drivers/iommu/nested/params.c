// SPDX-License-Identifier: GPL-2.0

/* Module parameters of a kind that the module! macro of Rust does not have. */

#include <linux/moduleparam.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "params.h"

static const char * const coherency_names[] = {
	[IOMMU_NESTED_COHERENCY_STRICT]	= "strict",
	[IOMMU_NESTED_COHERENCY_FLUSH]	= "flush",
	[IOMMU_NESTED_COHERENCY_TRUST]	= "trust",
};

int iommu_nested_coherency_param = IOMMU_NESTED_COHERENCY_FLUSH;

static int coherency_set(const char *val, const struct kernel_param *kp)
{
	int index = sysfs_match_string(coherency_names, val);

	if (index < 0)
		return index;
	iommu_nested_coherency_param = index;
	return 0;
}

static int coherency_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%s\n",
			  coherency_names[iommu_nested_coherency_param]);
}

static const struct kernel_param_ops coherency_ops = {
	.set = coherency_set,
	.get = coherency_get,
};

module_param_cb(nesting_coherency, &coherency_ops, NULL, 0444);
MODULE_PARM_DESC(nesting_coherency,
		 "Nesting without S2FWB and CANWBS: strict (refuse), flush (CPU cache maintenance of guest memory, default), trust (nothing: only for guests that are trusted)");

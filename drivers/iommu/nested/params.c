// SPDX-License-Identifier: GPL-2.0

/* Module parameters of a kind that the module! macro of Rust does not have. */

#include <linux/moduleparam.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "params.h"

#ifdef CONFIG_ARM64
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
#endif

bool iommu_nested_unsafe_interrupts_param;

module_param_named(allow_unsafe_interrupts, iommu_nested_unsafe_interrupts_param,
		   bool, 0644);
MODULE_PARM_DESC(allow_unsafe_interrupts,
		 "Containers with nested translation for devices that could raise any interrupt, where there is no interrupt remapping (only for users that are trusted)");

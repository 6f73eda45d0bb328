// SPDX-License-Identifier: GPL-2.0

#include <linux/acpi_iort.h>
#include <linux/iommu.h>
#include <linux/platform_device.h>
#include <linux/property.h>

#include "helpers.h"

int rust_helper_iort_smmu_v3(struct device *dev, u32 *model, u32 *flags)
{
#ifdef CONFIG_ACPI_IORT
	struct acpi_iort_node **node = dev_get_platdata(dev);
	struct acpi_iort_smmu_v3 *smmu;

	if (dev->of_node || !node)
		return -ENODEV;
	smmu = (struct acpi_iort_smmu_v3 *)(*node)->node_data;
	*model = smmu->model;
	*flags = smmu->flags;
	return 0;
#else
	return -ENODEV;
#endif
}

void rust_helper_iort_visit_rmr_sids(struct device *dev, iort_rmr_sid_fn fn,
				     void *arg)
{
	struct iommu_resv_region *region;
	LIST_HEAD(regions);
	u32 i;

	iort_get_rmr_sids(dev_fwnode(dev), &regions);
	list_for_each_entry(region, &regions, list) {
		struct iommu_iort_rmr_data *rmr =
			container_of(region, struct iommu_iort_rmr_data, rr);

		for (i = 0; i < rmr->num_sids; i++)
			fn(rmr->sids[i], arg);
	}
	iort_put_rmr_sids(dev_fwnode(dev), &regions);
}

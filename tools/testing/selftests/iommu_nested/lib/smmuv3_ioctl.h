/* SPDX-License-Identifier: GPL-2.0-only */
/* What of iommufd.h and vfio.h has a guest's SMMUv3 structures as arguments. */
#ifndef IOMMU_NESTED_SMMUV3_IOCTL_H
#define IOMMU_NESTED_SMMUV3_IOCTL_H

#include <linux/types.h>

#include "smmuv3.h"

/** iommufd_hwpt_alloc_ste() - a nested HWPT from the two words of a guest's STE */
int iommufd_hwpt_alloc_ste(int fd, __u32 dev, __u32 viommu, const __u64 ste[2],
			   __u32 *hwpt);

/**
 * iommufd_invalidate() - forward guest commands to a vIOMMU
 * @num: how many commands @cmds holds; then how many the kernel says it handled
 */
int iommufd_invalidate(int fd, __u32 viommu, const struct smmu_cmd *cmds,
		       __u32 *num);

/** vfio_invalidate_smmu() - forward guest commands to a container */
int vfio_invalidate_smmu(int fd, const struct smmu_cmd *cmds, __u32 *num);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ioctls of /dev/iommu, one function each.
 *
 * Every function returns 0 or a negative errno; what the kernel hands out goes
 * through the last pointer. A refusal is thus an expression that a test can
 * compare: ASSERT_EQ(-EEXIST, iommufd_vdevice_alloc(...)).
 */
#ifndef IOMMU_NESTED_IOMMUFD_H
#define IOMMU_NESTED_IOMMUFD_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/iommufd.h>
#include <linux/types.h>

/** iommufd_open() - a fresh iommufd context, or a negative errno */
int iommufd_open(void);
int iommufd_destroy(int fd, __u32 id);

int iommufd_ioas_alloc(int fd, __u32 *ioas);
/** iommufd_ioas_map() - @len bytes at @va become readable and writable DMA memory at @iova */
int iommufd_ioas_map(int fd, __u32 ioas, void *va, size_t len, __u64 iova);
int iommufd_ioas_map_prot(int fd, __u32 ioas, void *va, size_t len, __u64 iova,
			  __u32 prot);
int iommufd_ioas_unmap(int fd, __u32 ioas, __u64 iova, size_t len);
/** iommufd_ioas_ranges() - @num is the room in @ranges, then the number the kernel has */
int iommufd_ioas_ranges(int fd, __u32 ioas, struct iommu_iova_range *ranges,
			__u32 *num, __u64 *align);

/** iommufd_hw_info() - @info gets at most @len bytes of the IOMMU's own structure */
int iommufd_hw_info(int fd, __u32 dev, struct iommu_hw_info *cmd, void *info,
		    size_t len);

int iommufd_hwpt_alloc(int fd, __u32 dev, __u32 pt, __u32 flags, __u32 *hwpt);
int iommufd_hwpt_alloc_data(int fd, __u32 dev, __u32 pt, __u32 flags,
			    __u32 type, const void *data, __u32 len,
			    __u32 *hwpt);

/* Where page requests of devices are read and answered. */
int iommufd_fault_alloc(int fd, __u32 *fault, int *fault_fd);

/* A page table whose devices may ask for pages. */
int iommufd_hwpt_alloc_fault(int fd, __u32 dev, __u32 pt, __u32 fault,
			     __u32 *hwpt);

/** iommufd_set_dirty_tracking() - @flags: of enum iommufd_hwpt_set_dirty_tracking_flags */
int iommufd_set_dirty_tracking(int fd, __u32 hwpt, __u32 flags);
/** iommufd_get_dirty_bitmap() - reads and clears, a bit of @bitmap for each page */
int iommufd_get_dirty_bitmap(int fd, __u32 hwpt, __u64 iova, __u64 len,
			     __u64 page_size, __u64 *bitmap);

int iommufd_viommu_alloc(int fd, __u32 dev, __u32 hwpt, __u32 type,
			 __u32 *viommu);
int iommufd_vdevice_alloc(int fd, __u32 viommu, __u32 dev, __u64 virt_id,
			  __u32 *vdevice);
int iommufd_veventq_alloc(int fd, __u32 viommu, __u32 type, __u32 depth,
			  __u32 *veventq, int *queue_fd);

int iommufd_invalidate_raw(int fd, struct iommu_hwpt_invalidate *cmd);

#endif

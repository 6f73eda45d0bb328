/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ioctls of a VFIO container, one function each.
 *
 * As of iommufd.h: every function returns 0 (or what the kernel hands out) or a
 * negative errno, and what comes back besides goes through a pointer. Those of
 * nested translation fill @argsz in where it is 0.
 */
#ifndef IOMMU_NESTED_VFIO_H
#define IOMMU_NESTED_VFIO_H

#include <stddef.h>
#include <linux/types.h>
#include <linux/vfio.h>
#include <linux/vfio_nested.h>
#include <linux/vfio_nested/smmu_v3/model.h>
#include <linux/vfio_nested/vtd/model.h>

/** vfio_ioctl() - any of them: a result or a negative errno */
int vfio_ioctl(int fd, unsigned long request, void *arg);

/** vfio_open() - a fresh container, or a negative errno */
int vfio_open(void);
int vfio_extension(int fd, unsigned long extension);
/** vfio_set_iommu() - what kind of container it is; it must have a group */
int vfio_set_iommu(int fd, unsigned long type);

#define VFIO_MAP_RW	(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)

int vfio_map_flags(int fd, void *va, __u64 len, __u64 iova, __u32 flags);
/** vfio_map() - @len bytes at @va become readable and writable DMA memory at @iova */
int vfio_map(int fd, void *va, __u64 len, __u64 iova);
int vfio_unmap_flags(int fd, __u64 iova, __u64 len, __u32 flags, __u64 *unmapped);
/** vfio_unmap() - @unmapped gets the number of bytes; it may be NULL */
int vfio_unmap(int fd, __u64 iova, __u64 len, __u64 *unmapped);

/** vfio_info() - with @size bytes of room for the capabilities */
int vfio_info(int fd, struct vfio_iommu_type1_info *info, size_t size);
/** vfio_capability() - the @nth of the kind @id, or NULL */
const void *vfio_capability(const struct vfio_iommu_type1_info *info,
			    unsigned int id, unsigned int nth);

int vfio_bind(int fd, struct vfio_nested_bind_pasid_table *cmd);
int vfio_unbind(int fd, struct vfio_nested_target target);
int vfio_bind_pgtbl(int fd, struct vfio_nested_bind_guest_pgtbl *cmd);
/** vfio_unbind_pgtbl() - of the devices' own traffic */
int vfio_unbind_pgtbl(int fd, struct vfio_nested_target target);
/** vfio_pasid_alloc() - one from @min to @max, or a negative errno */
int vfio_pasid_alloc(int fd, __u32 min, __u32 max);
int vfio_pasid_free(int fd, __u32 pasid);
int vfio_bind_msi(int fd, struct vfio_nested_target target, __u64 giova,
		  __u64 gdb, __u64 size);
int vfio_unbind_msi(int fd, struct vfio_nested_target target);

/**
 * vfio_invalidate() - invalidations of any hardware
 * @num: how many there are; then how many the kernel says are done
 */
int vfio_invalidate(int fd, const struct vfio_nested_inv *entries, __u32 *num);
int vfio_invalidate_raw(int fd, struct vfio_nested_cache_invalidate *cmd);

/** vfio_event_fd() - a file descriptor to read events from */
int vfio_event_fd(int fd, __u32 depth);

#endif

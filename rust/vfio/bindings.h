/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What bindgen reads for rust/vfio: the headers that rust/bindings does not
 * include, and the helpers.
 */
#ifndef _RUST_VFIO_BINDINGS_H
#define _RUST_VFIO_BINDINGS_H

#include <linux/anon_inodes.h>
#include <linux/poll.h>
#include <uapi/linux/vfio.h>

#include "../../include/uapi/linux/vfio_nested.h"
#include "helpers.h"

/* Macros whose value bindgen does not compute. */
const unsigned int RUST_CONST_HELPER_VFIO_CHECK_EXTENSION =
	VFIO_CHECK_EXTENSION;
const unsigned int RUST_CONST_HELPER_VFIO_GET_INFO = VFIO_IOMMU_GET_INFO;
const unsigned int RUST_CONST_HELPER_VFIO_MAP_DMA = VFIO_IOMMU_MAP_DMA;
const unsigned int RUST_CONST_HELPER_VFIO_UNMAP_DMA = VFIO_IOMMU_UNMAP_DMA;
const unsigned int RUST_CONST_HELPER_VFIO_BIND_PASID_TABLE =
	VFIO_NESTED_BIND_PASID_TABLE;
const unsigned int RUST_CONST_HELPER_VFIO_UNBIND_PASID_TABLE =
	VFIO_NESTED_UNBIND_PASID_TABLE;
const unsigned int RUST_CONST_HELPER_VFIO_BIND_GUEST_PGTBL =
	VFIO_NESTED_BIND_GUEST_PGTBL;
const unsigned int RUST_CONST_HELPER_VFIO_UNBIND_GUEST_PGTBL =
	VFIO_NESTED_UNBIND_GUEST_PGTBL;
const unsigned int RUST_CONST_HELPER_VFIO_PASID_ALLOC = VFIO_NESTED_PASID_ALLOC;
const unsigned int RUST_CONST_HELPER_VFIO_PASID_FREE = VFIO_NESTED_PASID_FREE;
const unsigned int RUST_CONST_HELPER_VFIO_CACHE_INVALIDATE =
	VFIO_NESTED_CACHE_INVALIDATE;
const unsigned int RUST_CONST_HELPER_VFIO_BIND_MSI = VFIO_NESTED_BIND_MSI;
const unsigned int RUST_CONST_HELPER_VFIO_UNBIND_MSI = VFIO_NESTED_UNBIND_MSI;
const unsigned int RUST_CONST_HELPER_VFIO_EVENT_FD = VFIO_NESTED_EVENT_FD;

#endif

"""Pure geometry: cameras, rigid transforms, boxes, voxels, neighbours."""

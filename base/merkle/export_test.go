package merkle

// Node lets the test of the definition hash two nodes.
var Node = node

package timeline

// lookProxy looks for why a request that a proxy sent on did not go well.
func (x *scene) lookProxy() {
}

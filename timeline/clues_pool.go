package timeline

// lookPool looks for what happened to the application pool that a request was for.
func (x *scene) lookPool() {
}

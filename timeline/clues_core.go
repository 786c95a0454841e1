package timeline

// lookCore looks at ASP.NET Core, other programs that run behind a module of IIS, and Azure App Service.
func (x *scene) lookCore() {
}

import Roost

RoostApp.run { _ in }
